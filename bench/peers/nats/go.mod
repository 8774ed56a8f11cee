module github.com/onar-kv/onar/bench/peers/nats

go 1.26.0

require github.com/nats-io/nats-server/v2 v2.15.2
