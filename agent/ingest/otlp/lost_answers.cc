#include "agent/ingest/otlp/lost_answers.h"

#include "absl/hash/hash.h"

namespace sluice::ingest::otlp {

void LostAnswers::Remember(uid_t uid, const Request& request, Answer answer, uint64_t now) {
  Expire(now);
  std::deque<Lost>& lost = by_uid_[uid];
  if (lost.size() >= kPerUid) lost.pop_front();
  lost.push_back({HashOf(request), now + kKeptNanos, std::move(answer)});
}

std::optional<LostAnswers::Answer> LostAnswers::Find(uid_t uid, const Request& request,
                                                     uint64_t now) {
  if (by_uid_.empty()) return std::nullopt;
  Expire(now);
  const auto of_uid = by_uid_.find(uid);
  if (of_uid == by_uid_.end()) return std::nullopt;
  const Hash hash = HashOf(request);
  for (const Lost& lost : of_uid->second) {
    if (lost.hash == hash) return lost.answer;
  }
  return std::nullopt;
}

LostAnswers::Hash LostAnswers::HashOf(const Request& request) {
  const std::string_view encoded = request.encoded;
  return {absl::HashOf(0, request.signal, encoded), absl::HashOf(1, request.signal, encoded)};
}

void LostAnswers::Expire(uint64_t now) {
  for (auto it = by_uid_.begin(); it != by_uid_.end();) {
    std::deque<Lost>& lost = it->second;
    while (!lost.empty() && lost.front().forgotten_at <= now) lost.pop_front();
    if (lost.empty()) {
      by_uid_.erase(it++);
    } else {
      ++it;
    }
  }
}

}  // namespace sluice::ingest::otlp
