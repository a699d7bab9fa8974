// Sends a span with an event in it: example emit|connect SOCKET NAME.
using System.Net.Sockets;
using System.Security.Cryptography;
using Google.Protobuf;
using Grpc.Net.Client;
using Sluice.Otlp.V1;
using Sluice.V1;

var (verb, socketPath, name) = (args[0], args[1], args[2]);
var handler = new SocketsHttpHandler
{
    ConnectCallback = async (_, cancel) =>
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancel);
        return new NetworkStream(socket, ownsSocket: true);
    },
};
// The host is only what :authority says: a socket's path is none.
using var channel = GrpcChannel.ForAddress("http://localhost",
    new GrpcChannelOptions { HttpHandler = handler });
var ingest = new Ingest.IngestClient(channel);
Console.WriteLine(verb == "emit" ? await Emit() : await Connect());

static ByteString Random(int size) => ByteString.CopyFrom(RandomNumberGenerator.GetBytes(size));

Batch MakeBatch()
{
    var (trace, span) = (Random(16), Random(8));
    var now = (ulong)DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() * 1_000_000;
    return new Batch
    {
        FirstSequence = 1,
        Records =
        {
            new Record
            {
                Kind = RecordKind.SpanStart, Target = "csharp",
                Span = new Span { TraceId = trace, SpanId = span, Name = name, StartTimeUnixNano = now },
            },
            new Record
            {
                Target = "csharp",
                Event = new LogRecord
                {
                    TraceId = trace, SpanId = span, TimeUnixNano = now,
                    Body = new AnyValue { StringValue = "hello from " + name },
                },
            },
            new Record
            {
                Kind = RecordKind.SpanEnd,
                Span = new Span { TraceId = trace, SpanId = span, EndTimeUnixNano = now + 1_000_000 },
            },
        },
    };
}

async Task<ulong> Emit()
{
    // With an id and numbers the call may be made again after a timeout: it is stored once.
    var request = new EmitRequest { ClientId = Random(16), Batch = MakeBatch() };
    var answer = await ingest.EmitAsync(request, deadline: DateTime.UtcNow.AddSeconds(10));
    return answer.Accepted;
}

async Task<ulong> Connect()
{
    using var stream = ingest.Connect(deadline: DateTime.UtcNow.AddSeconds(10));
    await stream.RequestStream.WriteAsync(new ClientMessage
    {
        Hello = new Hello { ProtocolVersion = 1, ClientId = Random(16) },
    });
    await stream.RequestStream.WriteAsync(new ClientMessage { Batch = MakeBatch() });
    while (await stream.ResponseStream.MoveNext(default))
    {
        if (stream.ResponseStream.Current.Ack?.Sequence == 3) return 3;
    }
    throw new InvalidOperationException("the stream ended before its ack");
}
