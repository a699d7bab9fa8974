#include "tests/support/fake_agent.h"

#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "client/rpc/message_reader.h"
#include "proto/record/names.h"
#include "proto/record/view.h"
#include "proto/wire/reader.h"
#include "proto/wire/writer.h"

namespace sluice::testing {
namespace {

// As the agent's.
constexpr int32_t kStreamWindowBytes = 1 << 20;
constexpr int32_t kConnectionWindowBytes = 2 << 20;

constexpr auto kPatience = std::chrono::seconds(20);

nghttp2_nv Header(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

std::string ValueText(const ValueView& value) {
  switch (value.type) {
    case ValueView::Type::kBool:
      return value.bool_value ? "true" : "false";
    case ValueView::Type::kInt:
      return std::to_string(value.int_value);
    case ValueView::Type::kDouble:
      return std::to_string(value.double_value);
    default:
      return std::string(value.text);
  }
}

void ReadAttributes(const RecordView& view, SeenRecord* record) {
  const bool is_event = view.kind == RecordKind::kEvent;
  uint32_t index = 0;
  for (std::string_view encoded : is_event ? view.event.attributes() : view.span.attributes()) {
    const AttributeView attribute = ReadAttribute(encoded);
    record->attributes[std::string(attribute.key)] = ValueText(attribute.value);
    if (view.bare.Has(index++)) record->bare.insert(std::string(attribute.key));
  }
}

SeenRecord See(std::string_view encoded, uint64_t sequence, const std::string& client_id) {
  SeenRecord record = {
      .client_id = client_id, .sequence = sequence, .encoded = std::string(encoded)};
  const auto view = ReadRecord(encoded);
  if (!view) return record;
  record.kind = static_cast<int>(view->kind);
  record.level = static_cast<int>(view->level);
  record.target = view->target;
  record.trace_id = view->trace_id().raw();
  record.span_id = view->span_id().IsZero() ? "" : view->span_id().raw();
  ReadAttributes(*view, &record);
  if (view->kind == RecordKind::kEvent) {
    record.name = view->event.message.text;
    record.start = view->event.time_unix_nano;
    return record;
  }
  record.name = view->span.name;
  record.parent_id = view->span.parent_span_id.IsZero() ? "" : view->span.parent_span_id.raw();
  record.trace_state = view->span.trace_state;
  record.status = static_cast<int>(view->span.status);
  record.status_message = view->span.status_message;
  record.start = view->span.start_unix_nano;
  record.end = view->span.end_unix_nano;
  record.busy_ns = view->busy_ns;
  return record;
}

std::string Welcome(uint64_t last_sequence, std::string_view hint) {
  std::string message;
  StringWireWriter writer{StringSink(&message)};
  const auto welcome = writer.Begin(server_message_field::kWelcome);
  writer.Varint(welcome_field::kProtocolVersion, 1);
  writer.Varint(welcome_field::kLastSequence, last_sequence);
  writer.Bytes(welcome_field::kHint, hint);
  writer.End(welcome);
  return message;
}

std::string Ack(uint64_t sequence) {
  std::string message;
  StringWireWriter writer{StringSink(&message)};
  const auto ack = writer.Begin(server_message_field::kAck);
  writer.Varint(ack_field::kSequence, sequence);
  writer.Varint(ack_field::kDurability, 1);
  writer.End(ack);
  return message;
}

}  // namespace

// One HTTP/2 connection from a client.
class FakeConnection {
 public:
  FakeConnection(FakeAgent* agent, int fd) : agent_(agent), fd_(fd) {
    nghttp2_session_callbacks* callbacks;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, OnHeader);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnData);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, OnFrame);
    nghttp2_session_server_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    const nghttp2_settings_entry window = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
                                           kStreamWindowBytes};
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &window, 1);
    nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kConnectionWindowBytes);
  }
  ~FakeConnection() {
    nghttp2_session_del(session_);
    close(fd_);
  }
  FakeConnection(const FakeConnection&) = delete;

  int fd() const { return fd_; }

  // False: the connection is over.
  bool Read() {
    std::array<uint8_t, 65536> buffer;
    const ssize_t size = recv(fd_, buffer.data(), buffer.size(), 0);
    if (size <= 0) return false;
    const auto script = Script();
    if (!script.raw_answer.empty()) {
      send(fd_, script.raw_answer.data(), script.raw_answer.size(), MSG_NOSIGNAL);
      return false;
    }
    if (nghttp2_session_mem_recv(session_, buffer.data(), static_cast<size_t>(size)) < 0) {
      return false;
    }
    return Write() && !is_broken_;
  }

 private:
  struct Stream {
    std::string path;
    rpc::MessageReader incoming;
    std::string outgoing;
    std::string client_id;
    uint64_t records = 0;
    bool has_answered = false;
    bool is_over = false;
    FakeStatus status;
  };

  FakeScript Script() {
    const std::lock_guard lock(agent_->mutex_);
    return agent_->script_;
  }

  bool Write() {
    const uint8_t* bytes;
    ssize_t size;
    while ((size = nghttp2_session_mem_send(session_, &bytes)) > 0) {
      if (send(fd_, bytes, static_cast<size_t>(size), MSG_NOSIGNAL) != size) return false;
    }
    return true;
  }

  static FakeConnection* Self(void* self) { return static_cast<FakeConnection*>(self); }

  static int OnHeader(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                      size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                      void* self) {
    const std::string key(reinterpret_cast<const char*>(name), name_size);
    const std::string text(reinterpret_cast<const char*>(value), value_size);
    if (key == ":path") Self(self)->streams_[frame->hd.stream_id].path = text;
    const std::lock_guard lock(Self(self)->agent_->mutex_);
    Self(self)->agent_->headers_[key] = text;
    return 0;
  }

  static int OnData(nghttp2_session*, uint8_t, int32_t id, const uint8_t* bytes, size_t size,
                    void* self) {
    Stream& stream = Self(self)->streams_[id];
    stream.incoming.Append({reinterpret_cast<const char*>(bytes), size});
    for (std::string_view message; stream.incoming.Next(&message);) {
      Self(self)->OnMessage(id, &stream, message);
    }
    return 0;
  }

  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    const auto found = Self(self)->streams_.find(frame->hd.stream_id);
    if (found == Self(self)->streams_.end()) return 0;
    const bool is_end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (is_end && Self(self)->Script().answers) Self(self)->EndCall(found->first, &found->second);
    return 0;
  }

  void OnMessage(int32_t id, Stream* stream, std::string_view message) {
    const FakeScript script = Script();
    if (script.refuses) {
      stream->status = *script.refuses;
      return EndCall(id, stream);
    }
    if (stream->path == method::kConnect) return OnClientMessage(id, stream, message);
    if (!script.answers) return;
    Answer(id, stream, message);
    if (stream->path == "/Twice") Answer(id, stream, message);
  }

  void OnClientMessage(int32_t id, Stream* stream, std::string_view message) {
    const FakeScript script = Script();
    WireReader reader(message);
    WireField field;
    if (!reader.Next(&field)) return;
    if (field.number() == client_message_field::kHello) {
      agent_->TakeHello(field.bytes);
      stream->client_id = agent_->client_id();
      if (script.answers) Answer(id, stream, Welcome(LastSequence(stream->client_id), script.hint));
    } else if (field.number() == client_message_field::kBatch && script.answers) {
      TakeBatch(id, stream, field.bytes, script);
    }
  }

  void TakeBatch(int32_t id, Stream* stream, std::string_view batch, const FakeScript& script) {
    const uint64_t before = LastSequence(stream->client_id);
    const uint64_t last = agent_->TakeBatch(stream->client_id, batch);
    stream->records += last - before;
    if (script.breaks_after != 0 && stream->records >= script.breaks_after) {
      is_broken_ = true;
    } else if (script.acknowledges) {
      Answer(id, stream, Ack(last));
    }
  }

  uint64_t LastSequence(const std::string& client_id) {
    const std::lock_guard lock(agent_->mutex_);
    return agent_->last_sequence_[client_id];
  }

  void Answer(int32_t id, Stream* stream, std::string_view message) {
    rpc::AppendMessagePrefix(message.size(), &stream->outgoing);
    stream->outgoing.append(message);
    Resume(id, stream);
  }

  void EndCall(int32_t id, Stream* stream) {
    stream->is_over = true;
    Resume(id, stream);
  }

  void Resume(int32_t id, Stream* stream) {
    if (stream->has_answered) {
      nghttp2_session_resume_data(session_, id);
      return;
    }
    stream->has_answered = true;
    const std::array headers = {Header(":status", "200"),
                                Header("content-type", "application/grpc")};
    const nghttp2_data_provider body = {.source = {}, .read_callback = TakeOutgoing};
    nghttp2_submit_response(session_, id, headers.data(), headers.size(), &body);
  }

  static ssize_t TakeOutgoing(nghttp2_session* session, int32_t id, uint8_t* to, size_t capacity,
                              uint32_t* flags, nghttp2_data_source*, void* self) {
    Stream& stream = Self(self)->streams_[id];
    const size_t size = std::min(capacity, stream.outgoing.size());
    std::memcpy(to, stream.outgoing.data(), size);
    stream.outgoing.erase(0, size);
    if (stream.outgoing.empty() && stream.is_over) {
      *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
      SubmitTrailer(session, id, stream.status);
    } else if (size == 0) {
      return NGHTTP2_ERR_DEFERRED;
    }
    return static_cast<ssize_t>(size);
  }

  static void SubmitTrailer(nghttp2_session* session, int32_t id, const FakeStatus& status) {
    const std::string code = std::to_string(status.code);
    std::vector<nghttp2_nv> trailer = {Header("grpc-status", code)};
    if (!status.message.empty()) trailer.push_back(Header("grpc-message", status.message));
    if (!status.pushback_ms.empty()) {
      trailer.push_back(Header("grpc-retry-pushback-ms", status.pushback_ms));
    }
    nghttp2_submit_trailer(session, id, trailer.data(), trailer.size());
  }

  FakeAgent* const agent_;
  const int fd_;
  nghttp2_session* session_ = nullptr;
  std::map<int32_t, Stream> streams_;
  bool is_broken_ = false;
};

FakeAgent::FakeAgent(FakeScript script, size_t path_size) : script_(std::move(script)) {
  char name[] = "/tmp/fa-XXXXXX";
  directory_ = mkdtemp(name);
  std::string folder = directory_;
  while (folder.size() + 2 < path_size) {
    folder += "/" + std::string(std::min<size_t>(path_size - folder.size() - 2, 100), 'd');
  }
  std::filesystem::create_directories(folder);
  socket_path_ = folder + "/s";
  Start();
}

FakeAgent::~FakeAgent() {
  Stop();
  std::filesystem::remove_all(directory_);
}

void FakeAgent::Start() {
  listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = {.sun_family = AF_UNIX};
  // Bound under a short name, since the path may be longer than a name may be.
  const std::string short_name = directory_ + "/s0";
  std::strncpy(address.sun_path, short_name.c_str(), sizeof(address.sun_path) - 1);
  bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address));
  listen(listener_, 128);
  std::filesystem::rename(short_name, socket_path_);
  stop_event_ = eventfd(0, EFD_CLOEXEC);
  thread_ = std::thread([this] { Run(); });
}

void FakeAgent::Stop() {
  if (!thread_.joinable()) return;
  eventfd_write(stop_event_, 1);
  thread_.join();
  close(stop_event_);
  unlink(socket_path_.c_str());
}

void FakeAgent::Run() {
  std::vector<std::unique_ptr<FakeConnection>> connections;
  while (true) {
    std::vector<pollfd> fds = {{stop_event_, POLLIN, 0}, {listener_, POLLIN, 0}};
    for (const auto& connection : connections) fds.push_back({connection->fd(), POLLIN, 0});
    poll(fds.data(), fds.size(), -1);
    if (fds[0].revents != 0) break;
    for (size_t i = fds.size(); i-- > 2;) {
      if (fds[i].revents != 0 && !connections[i - 2]->Read()) {
        connections.erase(connections.begin() + static_cast<ptrdiff_t>(i - 2));
      }
    }
    if (fds[1].revents == 0) continue;
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) connections.push_back(std::make_unique<FakeConnection>(this, fd));
    const std::lock_guard lock(mutex_);
    ++connections_;
    changed_.notify_all();
  }
  close(listener_);
}

void FakeAgent::TakeHello(std::string_view encoded) {
  const std::lock_guard lock(mutex_);
  open_spans_.clear();
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    if (field.number() == hello_field::kClientId) client_id_ = field.bytes;
    if (field.number() == hello_field::kResource) resource_ = field.bytes;
    if (field.number() == hello_field::kOpenSpans) open_spans_.insert(std::string(field.bytes));
  }
}

uint64_t FakeAgent::TakeBatch(const std::string& client_id, std::string_view encoded) {
  const std::lock_guard lock(mutex_);
  uint64_t sequence = 0;
  uint64_t& last = last_sequence_[client_id];
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    if (field.number() == batch_field::kFirstSequence) {
      sequence = field.scalar;
      if (sequence > last + 1 || sequence == 0) ++violations_;
      continue;
    }
    if (field.number() == batch_field::kClientLosses) {
      TakeLoss(field.bytes);
      continue;
    }
    if (!script_.keeps_records) {
      last = std::max(last, sequence++);
      continue;
    }
    const auto [known, is_new] = bytes_[client_id].try_emplace(sequence, field.bytes);
    if (!is_new && known->second != field.bytes) ++violations_;
    if (is_new) records_.push_back(See(field.bytes, sequence, client_id));
    last = std::max(last, sequence++);
  }
  changed_.notify_all();
  return last;
}

void FakeAgent::TakeLoss(std::string_view encoded) {
  std::string reason;
  WireReader reader(encoded);
  for (WireField field; reader.Next(&field);) {
    if (field.number() == drop_field::kReason) reason = field.bytes;
    if (field.number() == drop_field::kCount) losses_[reason] = field.scalar;
  }
}

std::map<std::string, uint64_t> FakeAgent::losses() {
  const std::lock_guard lock(mutex_);
  return losses_;
}

void FakeAgent::SetScript(FakeScript script) {
  const std::lock_guard lock(mutex_);
  script_ = std::move(script);
}

bool FakeAgent::WaitFor(const Predicate& is_met) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kPatience, [&] { return is_met(records_); });
}

bool FakeAgent::WaitForCount(size_t count) {
  return WaitFor([&](const auto& records) { return records.size() >= count; });
}

std::vector<SeenRecord> FakeAgent::records() {
  const std::lock_guard lock(mutex_);
  return records_;
}
uint64_t FakeAgent::violations() {
  const std::lock_guard lock(mutex_);
  return violations_;
}
uint64_t FakeAgent::connections() {
  const std::lock_guard lock(mutex_);
  return connections_;
}
std::string FakeAgent::client_id() {
  const std::lock_guard lock(mutex_);
  return client_id_;
}
std::string FakeAgent::resource() {
  const std::lock_guard lock(mutex_);
  return resource_;
}
std::set<std::string> FakeAgent::open_spans() {
  const std::lock_guard lock(mutex_);
  return open_spans_;
}
std::map<std::string, std::string> FakeAgent::headers() {
  const std::lock_guard lock(mutex_);
  return headers_;
}

}  // namespace sluice::testing
