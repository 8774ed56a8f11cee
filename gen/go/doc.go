// Package onar holds the generated code of Onar's contract: the messages and gRPC stubs of
// onar/kv/v1, onar/text/v1, onar/reconfiguration/v1, onar/backup/v1 and, for nodes only, onar/replication/v1.
// The proto files are the documentation.
package onar
