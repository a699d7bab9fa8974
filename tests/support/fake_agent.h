// An agent for the client's tests: as much gRPC as the client speaks, on a Unix socket of its own,
// behaving as its script says.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace sluice::testing {

// A record as it came. Numbers as in sluice.v1.
struct SeenRecord {
  std::string client_id;
  uint64_t sequence = 0;
  std::string encoded;

  int kind = 0;
  int level = 0;
  std::string target;
  std::string name;                          // of the span; of an event, its message
  std::string trace_id, span_id, parent_id;  // raw
  std::string trace_state;
  int status = 0;
  std::string status_message;
  uint64_t start = 0, end = 0;
  uint64_t busy_ns = 0;
  std::map<std::string, std::string> attributes;  // as text
  std::set<std::string> bare;                     // keys
};

enum : int { kStart = 1, kUpdate = 2, kEnd = 3, kSpan = 4, kEvent = 5 };

struct FakeStatus {
  int code = 0;
  std::string message;      // percent-encoded, as it travels
  std::string pushback_ms;  // no header where empty
};

struct FakeScript {
  bool answers = true;        // at all
  bool acknowledges = true;   // batches
  uint64_t breaks_after = 0;  // connections are closed once so many records came over one; 0: not
  std::optional<FakeStatus> refuses;  // every call ends so
  std::string hint;                   // an encoded Hint for Welcome
  std::string raw_answer;             // instead of gRPC, these bytes
  bool keeps_records = true;          // else it only counts them
};

// Thread-safe. Connect is answered as the agent does; any other call is answered with its own
// request, /Twice with that twice.
class FakeAgent {
 public:
  // Listens at once, in a new directory, at a path of at least `path_size` bytes.
  explicit FakeAgent(FakeScript script = {}, size_t path_size = 0);
  ~FakeAgent();

  const std::string& socket_path() const { return socket_path_; }
  // As if it was killed, and started anew: what it saw it still knows.
  void Stop();
  void Start();
  void SetScript(FakeScript script);

  // Until `is_met` of the records seen so far, each once, in the order of their numbers.
  using Predicate = std::function<bool(const std::vector<SeenRecord>&)>;
  bool WaitFor(const Predicate& is_met);
  bool WaitForCount(size_t count);
  std::vector<SeenRecord> records();

  // Records that came again with other bytes, or with a number that leaves a gap.
  uint64_t violations();
  uint64_t connections();
  // For predicates of WaitFor.
  uint64_t connections_unlocked() const { return connections_; }
  // Totals by reason, as of the last batch that had them.
  std::map<std::string, uint64_t> losses();
  std::map<std::string, uint64_t> losses_unlocked() const { return losses_; }
  void ForgetLosses() { losses_.clear(); }  // while it is stopped
  // Of the last Hello: client id, encoded resource, and open spans, 24 bytes each.
  std::string client_id();
  std::string resource();
  std::set<std::string> open_spans();
  // Headers of the last call.
  std::map<std::string, std::string> headers();

 private:
  friend class FakeConnection;

  void Run();
  void TakeHello(std::string_view encoded);
  // The last number it knows of that client.
  uint64_t TakeBatch(const std::string& client_id, std::string_view encoded);
  void TakeLoss(std::string_view encoded);

  std::string directory_;
  std::string socket_path_;
  int listener_ = -1;
  int stop_event_ = -1;
  std::thread thread_;

  std::mutex mutex_;
  std::condition_variable changed_;
  FakeScript script_;
  std::vector<SeenRecord> records_;
  std::map<std::string, uint64_t> last_sequence_;  // by client id
  std::map<std::string, std::map<uint64_t, std::string>> bytes_;
  std::map<std::string, std::string> headers_;
  std::map<std::string, uint64_t> losses_;
  std::set<std::string> open_spans_;
  std::string client_id_;
  std::string resource_;
  uint64_t violations_ = 0;
  uint64_t connections_ = 0;
};

}  // namespace sluice::testing
