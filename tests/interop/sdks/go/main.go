// Does what ../python/main.py says.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type exporters struct {
	spans   sdktrace.SpanExporter
	logs    sdklog.Exporter
	metrics sdkmetric.Exporter
}

// Logs do not take the socket from the environment.
func overGrpc(ctx context.Context, path string) exporters {
	var logs []otlploggrpc.Option
	if path != "" {
		logs = []otlploggrpc.Option{otlploggrpc.WithEndpoint("unix://" + path), otlploggrpc.WithInsecure()}
	}
	return exporters{must(otlptracegrpc.New(ctx)), must(otlploggrpc.New(ctx, logs...)), must(otlpmetricgrpc.New(ctx))}
}

func overHttp(ctx context.Context, path string) exporters {
	if path == "" {
		return exporters{must(otlptracehttp.New(ctx)), must(otlploghttp.New(ctx)), must(otlpmetrichttp.New(ctx))}
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}
	client := &http.Client{Transport: &http.Transport{DialContext: dial}}
	const base = "http://localhost/v1/"
	return exporters{
		must(otlptracehttp.New(ctx, otlptracehttp.WithHTTPClient(client), otlptracehttp.WithEndpointURL(base+"traces"))),
		must(otlploghttp.New(ctx, otlploghttp.WithHTTPClient(client), otlploghttp.WithEndpointURL(base+"logs"))),
		must(otlpmetrichttp.New(ctx, otlpmetrichttp.WithHTTPClient(client), otlpmetrichttp.WithEndpointURL(base+"metrics"))),
	}
}

func main() {
	ctx := context.Background()
	path := ""
	if len(os.Args) > 2 {
		path = os.Args[2]
	}
	to := overGrpc
	if os.Args[1] != "grpc" {
		to = overHttp
	}
	exporters := to(ctx, path)
	if os.Getenv("STEADY") != "" {
		steady(ctx, exporters.spans)
		return
	}
	tracers := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporters.spans))
	loggers := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(exporters.logs)))
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exporters.metrics)))

	tracer := tracers.Tracer("interop", trace.WithInstrumentationVersion("1.2.3"))
	within, request := tracer.Start(ctx, "request", trace.WithSpanKind(trace.SpanKindServer))
	request.SetAttributes(attribute.String("text", "naïve ☃"), attribute.Bool("flag", true), attribute.Int("count", 42),
		attribute.Float64("ratio", 0.5), attribute.StringSlice("list", []string{"a", "b"}))
	request.AddEvent("cache miss", trace.WithAttributes(attribute.String("key", "k")))
	_, query := tracer.Start(within, "query", trace.WithSpanKind(trace.SpanKindClient))
	query.SetStatus(codes.Error, "timed out")
	query.End()
	var record log.Record
	record.SetSeverity(log.SeverityWarn)
	record.SetBody(attribute.StringValue("disk nearly full"))
	record.AddAttributes(attribute.Int("free", 12))
	loggers.Logger("interop").Emit(within, record)
	request.End()
	counter := must(meters.Meter("interop", metric.WithInstrumentationVersion("1.2.3")).Int64Counter("requests"))
	counter.Add(ctx, 3, metric.WithAttributes(attribute.String("route", "/")))
	fmt.Println(request.SpanContext().TraceID())

	check(tracers.Shutdown(ctx))
	check(loggers.Shutdown(ctx))
	check(meters.Shutdown(ctx))
}

type told struct{ sdktrace.SpanExporter }

func (to told) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := to.SpanExporter.ExportSpans(ctx, spans)
	if err == nil {
		names := make([]string, len(spans))
		for at, span := range spans {
			names[at] = span.Name()
		}
		fmt.Println(strings.Join(names, " "))
	}
	return err
}

func steady(ctx context.Context, exporter sdktrace.SpanExporter) {
	tracers := sdktrace.NewTracerProvider(sdktrace.WithBatcher(told{exporter}))
	tracer := tracers.Tracer("interop")
	ended := make(chan bool)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	for number := 0; ; number++ {
		_, span := tracer.Start(ctx, strconv.Itoa(number))
		span.End()
		select {
		case <-ended:
			check(tracers.Shutdown(ctx))
			fmt.Println(number + 1)
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}
