// Links both families of messages and reads one's bytes as the other's.
package main

import (
	"fmt"

	official "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	ours "sluice/proto/sluice/otlp/v1"
	sluice "sluice/proto/sluice/v1"
)

func main() {
	span := &ours.Span{TraceId: make([]byte, 16), SpanId: make([]byte, 8), Name: "both"}
	encoded, err := proto.Marshal(span)
	if err != nil {
		panic(err)
	}
	var read official.Span
	if err := proto.Unmarshal(encoded, &read); err != nil || read.Name != "both" {
		panic(fmt.Sprint("not read as it was written: ", err))
	}
	_ = &sluice.EmitRequest{}
	fmt.Println("ok")
}
