// Sends a span with an event in it: main emit|connect SOCKET NAME.
//
//	protoc -I ../../../proto --go_out=. --go_opt=module=sluice --go-grpc_out=. \
//	  --go-grpc_opt=module=sluice sluice/v1/{ingest,record}.proto sluice/otlp/v1/{common,logs,resource,trace}.proto
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	otlp "sluice/proto/sluice/otlp/v1"
	sluice "sluice/proto/sluice/v1"
)

func random(size int) []byte {
	bytes := make([]byte, size)
	rand.Read(bytes)
	return bytes
}

func records(name string) []*sluice.Record {
	trace, span, now := random(16), random(8), uint64(time.Now().UnixNano())
	text := &otlp.AnyValue{Value: &otlp.AnyValue_StringValue{StringValue: "hello from " + name}}
	return []*sluice.Record{
		{Kind: sluice.RecordKind_RECORD_KIND_SPAN_START, Target: "go", Body: &sluice.Record_Span{
			Span: &otlp.Span{TraceId: trace, SpanId: span, Name: name, StartTimeUnixNano: now}}},
		{Target: "go", Body: &sluice.Record_Event{
			Event: &otlp.LogRecord{TraceId: trace, SpanId: span, TimeUnixNano: now, Body: text}}},
		{Kind: sluice.RecordKind_RECORD_KIND_SPAN_END, Body: &sluice.Record_Span{
			Span: &otlp.Span{TraceId: trace, SpanId: span, EndTimeUnixNano: now + 1_000_000}}},
	}
}

func emit(ctx context.Context, ingest sluice.IngestClient, name string) (uint64, error) {
	// With an id and numbers the call may be made again after a timeout: it is stored once.
	answer, err := ingest.Emit(ctx, &sluice.EmitRequest{
		ClientId: random(16), Batch: &sluice.Batch{FirstSequence: 1, Records: records(name)}})
	return answer.GetAccepted(), err
}

func connect(ctx context.Context, ingest sluice.IngestClient, name string) (uint64, error) {
	stream, err := ingest.Connect(ctx)
	if err != nil {
		return 0, err
	}
	stream.Send(&sluice.ClientMessage{Message: &sluice.ClientMessage_Hello{
		Hello: &sluice.Hello{ProtocolVersion: 1, ClientId: random(16)}}})
	stream.Send(&sluice.ClientMessage{Message: &sluice.ClientMessage_Batch{
		Batch: &sluice.Batch{FirstSequence: 1, Records: records(name)}}})
	for {
		answer, err := stream.Recv()
		if err != nil || answer.GetAck().GetSequence() == 3 {
			return answer.GetAck().GetSequence(), err
		}
	}
}

func main() {
	call := map[string]func(context.Context, sluice.IngestClient, string) (uint64, error){
		"emit": emit, "connect": connect}[os.Args[1]]
	channel, err := grpc.NewClient("unix:"+os.Args[2],
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	count, err := call(ctx, sluice.NewIngestClient(channel), os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(count)
}
