// Tests of the Go client and of the generated Go code against a running cluster. Run by scripts/test-clients.sh.
module github.com/onar-kv/onar/test/clients/go

go 1.23.0

require (
	github.com/onar-kv/onar/clients/go v0.0.0
	github.com/onar-kv/onar/gen/go v0.0.0
	google.golang.org/genproto/googleapis/rpc v0.0.0-20250707201910-8d1bb00bc6a7
	google.golang.org/grpc v1.75.0
	gopkg.in/yaml.v3 v3.0.1
)

require (
	golang.org/x/net v0.41.0 // indirect
	golang.org/x/sys v0.33.0 // indirect
	golang.org/x/text v0.26.0 // indirect
	google.golang.org/protobuf v1.36.6 // indirect
)

replace github.com/onar-kv/onar/clients/go => ../../../clients/go

replace github.com/onar-kv/onar/gen/go => ../../../gen/go
