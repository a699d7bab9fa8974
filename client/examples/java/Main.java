import com.google.protobuf.ByteString;
import io.grpc.ManagedChannel;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollDomainSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.unix.DomainSocketAddress;
import io.grpc.stub.StreamObserver;
import io.sluice.otlp.v1.AnyValue;
import io.sluice.otlp.v1.LogRecord;
import io.sluice.otlp.v1.Span;
import io.sluice.v1.Batch;
import io.sluice.v1.ClientMessage;
import io.sluice.v1.EmitRequest;
import io.sluice.v1.Hello;
import io.sluice.v1.IngestGrpc;
import io.sluice.v1.Record;
import io.sluice.v1.RecordKind;
import io.sluice.v1.ServerMessage;
import java.security.SecureRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Sends a span with an event in it: Main emit|connect SOCKET NAME. */
public class Main {
  static ByteString random(int size) {
    byte[] bytes = new byte[size];
    new SecureRandom().nextBytes(bytes);
    return ByteString.copyFrom(bytes);
  }

  static Batch batch(String name) {
    ByteString trace = random(16);
    ByteString span = random(8);
    long now = System.currentTimeMillis() * 1_000_000;
    Span.Builder ids = Span.newBuilder().setTraceId(trace).setSpanId(span);
    LogRecord.Builder event = LogRecord.newBuilder().setTraceId(trace).setSpanId(span)
        .setTimeUnixNano(now).setBody(AnyValue.newBuilder().setStringValue("hello from " + name));
    return Batch.newBuilder().setFirstSequence(1)
        .addRecords(Record.newBuilder().setKind(RecordKind.RECORD_KIND_SPAN_START).setTarget("java")
            .setSpan(ids.clone().setName(name).setStartTimeUnixNano(now)))
        .addRecords(Record.newBuilder().setTarget("java").setEvent(event))
        .addRecords(Record.newBuilder().setKind(RecordKind.RECORD_KIND_SPAN_END)
            .setSpan(ids.clone().setEndTimeUnixNano(now + 1_000_000)))
        .build();
  }

  static long emit(ManagedChannel channel, String name) {
    // With an id and numbers the call may be made again after a timeout: it is stored once.
    return IngestGrpc.newBlockingStub(channel).withDeadlineAfter(10, TimeUnit.SECONDS)
        .emit(EmitRequest.newBuilder().setClientId(random(16)).setBatch(batch(name)).build())
        .getAccepted();
  }

  static long connect(ManagedChannel channel, String name) throws Exception {
    CompletableFuture<Long> acked = new CompletableFuture<>();
    StreamObserver<ClientMessage> stream = IngestGrpc.newStub(channel).connect(
        new StreamObserver<>() {
          @Override public void onNext(ServerMessage answer) {
            if (answer.getAck().getSequence() == 3) acked.complete(3L);
          }
          @Override public void onError(Throwable error) { acked.completeExceptionally(error); }
          @Override public void onCompleted() {}
        });
    stream.onNext(ClientMessage.newBuilder()
        .setHello(Hello.newBuilder().setProtocolVersion(1).setClientId(random(16))).build());
    stream.onNext(ClientMessage.newBuilder().setBatch(batch(name)).build());
    long count = acked.get(10, TimeUnit.SECONDS);
    stream.onCompleted();
    return count;
  }

  public static void main(String[] args) throws Exception {
    EpollEventLoopGroup threads = new EpollEventLoopGroup(1);
    ManagedChannel channel = NettyChannelBuilder.forAddress(new DomainSocketAddress(args[1]))
        .channelType(EpollDomainSocketChannel.class).eventLoopGroup(threads)
        .overrideAuthority("localhost").usePlaintext().build();
    long count = args[0].equals("emit") ? emit(channel, args[2]) : connect(channel, args[2]);
    System.out.println(count);
    channel.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
    threads.shutdownGracefully(0, 1, TimeUnit.SECONDS);
  }
}
