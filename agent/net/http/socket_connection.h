// An accepted socket, the session that speaks on it, and the calls that this carries.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/event_loop.h"
#include "agent/net/connection.h"
#include "agent/net/http/answer_wait.h"
#include "agent/net/http/http_call.h"
#include "agent/net/http/http_session.h"
#include "agent/net/http/server_core.h"

namespace sluice::net {

// The kinds of call that one server serves.
struct CallKinds {
  std::vector<HttpCallFactory*> factories;     // which outlive the server; asked in this order
  std::vector<std::string_view> extra_fields;  // of all of them
};

// Reads when its user's turn has come (serving_order.h), and writes at the turn's end. What it
// reads at once is little while its bytes are costly (many frames, or work that takes long) and
// more while they are cheap; what takes too long all the same goes on in the user's next turn.
// While the peer does not take its output, its uid has overdrawn its share of the loop, or a gate
// holds it, it is not read from. Costs about a page until its first byte comes.
class SocketConnection final : public Connection,
                               public ServingOrder::Client,
                               private HttpSession::Owner,
                               private EventLoop::FdHandler {
 public:
  // `core` and `kinds` outlive it.
  SocketConnection(ServerCore* core, const CallKinds* kinds, uint64_t id, Peer peer,
                   UniqueFd socket);
  ~SocketConnection() override;

  absl::Status Start();
  void Close(absl::string_view reason) override;
  // Takes no new calls; ends with the last one.
  void Drain();

  // Reads, or goes on with what was read, from `begin` on. Returns when that ended.
  uint64_t Serve(uint64_t begin);
  ServingOrder::User* user() { return user_; }

  // Delivers, writes, notifies. Returns false once the connection has ended: its calls are then
  // cancelled, and it is to be destroyed after they are.
  bool AtTurnEnd();
  const std::string& close_reason() const { return close_reason_; }
  // Reads again from a connection that rests or is held.
  void WakeUp();

  // For its calls:
  ServerCore& core() { return *core_; }
  HttpSession& session() { return *session_; }
  void MarkBusy();
  void AddWork() { ++work_; }
  // Whether it has taken long enough to work on the bytes of one read, of which so many
  // have been dealt with since this was last asked.
  bool IsSliceOver(size_t bytes);
  // A message was taken in good order, or one goes out: the peer will tell that it read it.
  void MarkUseful() { useful_ = true; }
  // A message was refused after work was done for it.
  void MarkRefused() { refused_ = true; }
  // Part of a message came, of which nobody knows yet what it is worth.
  void AddBody(size_t bytes) { body_bytes_ += bytes; }

  // Destroys a call of this connection at the end of the turn.
  void DeferDelete(HttpCall* call);

 private:
  static constexpr size_t kMinReadBytes = 4 * 1024;
  // With which of the core's it waits; then it is not watched.
  enum class Wait { kNone, kResting, kHeld };

  HttpCall* OnRequest(int32_t stream_id, const RequestHead& head) override;
  void OnStreamRefused() override;
  void OnGreeting() override;
  void OnFdReady(uint32_t events) override;

  void Queue();
  void Read();
  bool ReadSome(size_t size);
  void Watch(uint32_t events);
  uint32_t InputEvents() const;
  void FollowAnswers();
  void StopWhenFull();
  void GoOnWhenAnswered();
  void WatchProgress();
  void StartFirstRequestTimer(int wait_ms);
  void Rest();
  void Hold();
  bool LeaveWait();
  bool IsOverdrawn() const;
  bool IsHeldBack();
  bool ChargeKept();
  void Settle(uint64_t took);
  void Account(size_t work);
  void AddWastedTime(uint64_t nanos);
  void Take(std::string_view bytes);
  void TakeFirst(std::string_view bytes);
  void OnReceived(const char* failure);
  void AdaptReadSize(size_t work);
  void Fail(const char* reason);
  void Write();
  bool WriteBacklog();
  size_t SendSome(std::string_view bytes);
  void KeepBacklog(std::string_view unsent);
  void StartPatience();
  void EndIfOver();
  void EndCalls();

  ServerCore* const core_;
  const CallKinds* const kinds_;
  ServingOrder::User* const user_;
  const UniqueFd socket_;
  std::unique_ptr<HttpSession> session_;  // once the first bytes told which
  std::string first_bytes_;               // as long as they do not
  std::vector<std::unique_ptr<HttpCall>> calls_;
  std::string backlog_;  // produced, not taken by the socket yet
  EventLoop::TimerId first_request_timer_ = 0;
  EventLoop::TimerId patience_timer_ = 0;
  EventLoop::TimerId progress_timer_ = 0;
  AnswerWait answer_wait_;
  size_t progress_ = 0;  // bytes since that timer started
  size_t read_size_ = kMinReadBytes;
  size_t last_read_ = 0;
  uint64_t slice_end_ = 0;
  size_t unchecked_bytes_ = 0;    // dealt with since the clock was last read
  uint64_t unsettled_nanos_ = 0;  // of this read
  size_t kept_bytes_ = 0;         // of the session, charged to the budget
  size_t work_ = 0;
  size_t body_bytes_ = 0;  // of this read
  std::string close_reason_;
  uint64_t hold_ends_ = 0;  // 0: no gate held its uid when it was last to be read from
  bool useful_ = false;     // since the last read
  bool refused_ = false;    // likewise
  bool received_ = false;   // something, in this turn of being served
  bool queued_ = false;     // waits for its turn to be served
  bool has_input_ = false;  // that was not read yet, as far as is known
  bool hung_up_ = false;    // behind that input is the end
  bool is_http1_ = false;
  bool is_full_ = false;   // its session is, and input is not watched for
  bool is_noted_ = false;  // what its peer speaks
  bool is_new_ = true;     // nothing useful came yet, and what it cost is not counted
  Wait waits_ = Wait::kNone;
  bool busy_ = false;
  bool closing_ = false;
  bool ended_ = false;
  bool draining_ = false;
  bool peer_reads_ = true;
};

}  // namespace sluice::net
