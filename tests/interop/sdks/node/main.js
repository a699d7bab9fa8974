// Does what ../python/main.py says.
const { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } = require('@opentelemetry/api');
const { SeverityNumber } = require('@opentelemetry/api-logs');
const { BatchLogRecordProcessor, LoggerProvider } = require('@opentelemetry/sdk-logs');
const { MeterProvider, PeriodicExportingMetricReader } = require('@opentelemetry/sdk-metrics');
const { BasicTracerProvider, BatchSpanProcessor } = require('@opentelemetry/sdk-trace-base');
const { defaultResource, detectResources, envDetector } = require('@opentelemetry/resources');

const [protocol, path] = process.argv.slice(2);
const kind = { grpc: 'grpc', 'http/protobuf': 'proto', 'http/json': 'http' }[protocol];

function exporter(signal, name) {
  const Exporter = require(`@opentelemetry/exporter-${signal}-otlp-${kind}`)[name];
  if (kind === 'grpc' || !path) return new Exporter();
  return new Exporter({
    url: `http://localhost/v1/${signal === 'trace' ? 'traces' : signal}`,
    httpAgentOptions: { socketPath: path },
  });
}

const resource = defaultResource().merge(detectResources({ detectors: [envDetector] }));

async function main() {
  const spans = new BatchSpanProcessor(exporter('trace', 'OTLPTraceExporter'));
  const logs = new BatchLogRecordProcessor({ exporter: exporter('logs', 'OTLPLogExporter') });
  const metrics = new PeriodicExportingMetricReader({ exporter: exporter('metrics', 'OTLPMetricExporter') });
  const tracers = new BasicTracerProvider({ resource, spanProcessors: [spans] });
  const loggers = new LoggerProvider({ resource, processors: [logs] });
  const meters = new MeterProvider({ resource, readers: [metrics] });

  const tracer = tracers.getTracer('interop', '1.2.3');
  const request = tracer.startSpan('request', { kind: SpanKind.SERVER }, ROOT_CONTEXT);
  request.setAttributes({ text: 'naïve ☃', flag: true, count: 42, ratio: 0.5, list: ['a', 'b'] });
  request.addEvent('cache miss', { key: 'k' });
  const within = trace.setSpan(ROOT_CONTEXT, request);
  const query = tracer.startSpan('query', { kind: SpanKind.CLIENT }, within);
  query.setStatus({ code: SpanStatusCode.ERROR, message: 'timed out' });
  query.end();
  loggers.getLogger('interop', '1.2.3').emit({
    severityNumber: SeverityNumber.WARN, body: 'disk nearly full', attributes: { free: 12 }, context: within,
  });
  request.end();
  meters.getMeter('interop', '1.2.3').createCounter('requests').add(3, { route: '/' });
  console.log(request.spanContext().traceId);
  for (const provider of [tracers, loggers, meters]) await provider.shutdown();
}

class Told {
  constructor(exporter) { this.exporter = exporter; }
  export(spans, done) {
    this.exporter.export(spans, (result) => {
      if (result.code === 0) console.log(spans.map((span) => span.name).join(' '));
      done(result);
    });
  }
  forceFlush() { return this.exporter.forceFlush(); }
  shutdown() { return this.exporter.shutdown(); }
}

function steady() {
  const told = new Told(exporter('trace', 'OTLPTraceExporter'));
  const tracers = new BasicTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(told)] });
  const tracer = tracers.getTracer('interop');
  let number = 0;
  const timer = setInterval(() => tracer.startSpan(String(number++), {}, ROOT_CONTEXT).end(), 50);
  process.stdin.resume();
  process.stdin.on('end', async () => {
    clearInterval(timer);
    await tracers.shutdown();
    console.log(number);
  });
}

(process.env.STEADY ? steady : main)();
