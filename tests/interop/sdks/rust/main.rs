//! Does what ../python/main.py says.
use opentelemetry::logs::{AnyValue, LogRecord, Logger, LoggerProvider, Severity};
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{Span, SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Array, Context, InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData};
use opentelemetry_sdk::{logs::SdkLoggerProvider, metrics::SdkMeterProvider};
use std::sync::mpsc::{channel, RecvTimeoutError};
use std::time::Duration;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let is_grpc = std::env::args().nth(1).as_deref() == Some("grpc");
    // gRPC's exporters want a runtime around them, those of HTTP none.
    let runtime = tokio::runtime::Runtime::new()?;
    let _guard = is_grpc.then(|| runtime.enter());
    let (spans, logs, metrics) = if is_grpc {
        (
            SpanExporter::builder().with_tonic().build()?,
            LogExporter::builder().with_tonic().build()?,
            MetricExporter::builder().with_tonic().build()?,
        )
    } else {
        (
            SpanExporter::builder().with_http().build()?,
            LogExporter::builder().with_http().build()?,
            MetricExporter::builder().with_http().build()?,
        )
    };
    if std::env::var_os("STEADY").is_some() {
        return steady(spans);
    }
    let tracers = SdkTracerProvider::builder().with_batch_exporter(spans).build();
    let loggers = SdkLoggerProvider::builder().with_batch_exporter(logs).build();
    let meters = SdkMeterProvider::builder().with_periodic_exporter(metrics).build();

    let scope = InstrumentationScope::builder("interop").with_version("1.2.3").build();
    let tracer = tracers.tracer_with_scope(scope.clone());
    let list = Array::String(vec![StringValue::from("a"), StringValue::from("b")]);
    let request = tracer
        .span_builder("request")
        .with_kind(SpanKind::Server)
        .with_attributes([
            KeyValue::new("text", "naïve ☃"),
            KeyValue::new("flag", true),
            KeyValue::new("count", 42),
            KeyValue::new("ratio", 0.5),
            KeyValue::new("list", Value::Array(list)),
        ])
        .start(&tracer);
    let within = Context::current_with_span(request);
    let request = within.span();
    request.add_event("cache miss", vec![KeyValue::new("key", "k")]);
    let mut query = tracer.span_builder("query").with_kind(SpanKind::Client).start_with_context(&tracer, &within);
    query.set_status(Status::error("timed out"));
    query.end();
    {
        let _guard = within.clone().attach();
        let logger = loggers.logger_with_scope(scope.clone());
        let mut record = logger.create_log_record();
        record.set_severity_number(Severity::Warn);
        record.set_body(AnyValue::from("disk nearly full"));
        record.add_attribute("free", 12);
        logger.emit(record);
    }
    request.end();
    let counter = meters.meter_with_scope(scope).u64_counter("requests").build();
    counter.add(3, &[KeyValue::new("route", "/")]);
    println!("{}", request.span_context().trace_id());

    tracers.shutdown()?;
    loggers.shutdown()?;
    meters.shutdown()?;
    Ok(())
}

#[derive(Debug)]
struct Told(SpanExporter);

impl opentelemetry_sdk::trace::SpanExporter for Told {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let names: Vec<String> = batch.iter().map(|span| span.name.to_string()).collect();
        let result = self.0.export(batch).await;
        if result.is_ok() {
            println!("{}", names.join(" "));
        }
        result
    }
    fn set_resource(&mut self, resource: &opentelemetry_sdk::Resource) {
        self.0.set_resource(resource);
    }
}

fn steady(exporter: SpanExporter) -> Result<(), Failure> {
    let tracers = SdkTracerProvider::builder().with_batch_exporter(Told(exporter)).build();
    let tracer = tracers.tracer("interop");
    let (reading, ended) = channel::<()>();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        drop(reading);
    });
    let mut number = 0;
    loop {
        tracer.start(number.to_string()).end();
        number += 1;
        if ended.recv_timeout(Duration::from_millis(50)) == Err(RecvTimeoutError::Disconnected) {
            break;
        }
    }
    tracers.shutdown()?;
    println!("{number}");
    Ok(())
}
