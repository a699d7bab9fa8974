import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.logs.Severity;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.autoconfigure.AutoConfiguredOpenTelemetrySdk;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.io.IOException;
import java.util.Collection;
import java.util.stream.Collectors;

/** Does what ../python/main.py says, by the environment alone. */
public final class Main {
  public static void main(String[] arguments) throws Exception {
    if (System.getenv("STEADY") != null) {
      steady();
      return;
    }
    OpenTelemetrySdk sdk =
        AutoConfiguredOpenTelemetrySdk.builder().disableShutdownHook().build().getOpenTelemetrySdk();
    Tracer tracer = sdk.getTracer("interop", "1.2.3");
    Span request =
        tracer
            .spanBuilder("request")
            .setSpanKind(SpanKind.SERVER)
            .setAttribute("text", "naïve ☃")
            .setAttribute("flag", true)
            .setAttribute("count", 42)
            .setAttribute("ratio", 0.5)
            .setAttribute(AttributeKey.stringArrayKey("list"), java.util.List.of("a", "b"))
            .startSpan();
    request.addEvent("cache miss", Attributes.of(AttributeKey.stringKey("key"), "k"));
    Context within = Context.root().with(request);
    Span query = tracer.spanBuilder("query").setSpanKind(SpanKind.CLIENT).setParent(within).startSpan();
    query.setStatus(StatusCode.ERROR, "timed out");
    query.end();
    sdk.getLogsBridge()
        .loggerBuilder("interop")
        .setInstrumentationVersion("1.2.3")
        .build()
        .logRecordBuilder()
        .setContext(within)
        .setSeverity(Severity.WARN)
        .setBody("disk nearly full")
        .setAttribute(AttributeKey.longKey("free"), 12L)
        .emit();
    request.end();
    sdk.getMeterProvider()
        .meterBuilder("interop")
        .setInstrumentationVersion("1.2.3")
        .build()
        .counterBuilder("requests")
        .build()
        .add(3, Attributes.of(AttributeKey.stringKey("route"), "/"));
    System.out.println(request.getSpanContext().getTraceId());
    sdk.close();
  }
  private record Told(SpanExporter exporter) implements SpanExporter {
    @Override
    public CompletableResultCode export(Collection<SpanData> spans) {
      CompletableResultCode result = exporter.export(spans);
      return result.whenComplete(
          () -> {
            if (!result.isSuccess()) return;
            System.out.println(spans.stream().map(SpanData::getName).collect(Collectors.joining(" ")));
          });
    }

    @Override
    public CompletableResultCode flush() {
      return exporter.flush();
    }

    @Override
    public CompletableResultCode shutdown() {
      return exporter.shutdown();
    }
  }

  private static void steady() throws Exception {
    OpenTelemetrySdk sdk =
        AutoConfiguredOpenTelemetrySdk.builder()
            .disableShutdownHook()
            .addSpanExporterCustomizer((exporter, configuration) -> new Told(exporter))
            .build()
            .getOpenTelemetrySdk();
    Tracer tracer = sdk.getTracer("interop");
    Thread ended = new Thread(Main::readToTheEnd);
    ended.start();
    int number = 0;
    for (; ended.isAlive(); ++number) {
      tracer.spanBuilder(Integer.toString(number)).startSpan().end();
      ended.join(50);
    }
    sdk.close();
    System.out.println(number);
  }

  private static void readToTheEnd() {
    try {
      System.in.transferTo(java.io.OutputStream.nullOutputStream());
    } catch (IOException failure) {
      System.err.println(failure);
    }
  }
}
