module sluice

go 1.23

require (
	go.opentelemetry.io/proto/otlp v1.7.0
	google.golang.org/protobuf v1.36.6
)
