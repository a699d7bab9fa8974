#include "agent/control/pool_editor.h"

#include <utility>

#include "agent/base/status_macros.h"
#include "agent/sinks/kvp/kvp_sink.h"
#include "proto/contract/kvp_edit.h"

namespace sluice::control {
namespace {

void AddRecord(const v1::PoolRecord& record, kvp::PoolEdit* edit) {
  edit->records.push_back({record.key(), record.value()});
}

absl::StatusOr<kvp::PoolEdit> ToEdit(const v1::EditPoolRequest& request) {
  kvp::PoolEdit edit;
  edit.unsafe = request.unsafe();
  switch (request.edit_case()) {
    case v1::EditPoolRequest::kAppend:
      edit.kind = kvp::PoolEdit::Kind::kAppend;
      for (const v1::PoolRecord& record : request.append().records()) AddRecord(record, &edit);
      break;
    case v1::EditPoolRequest::kUpsert:
      edit.kind = kvp::PoolEdit::Kind::kUpsert;
      AddRecord(request.upsert(), &edit);
      break;
    case v1::EditPoolRequest::kLoad:
      edit.kind = kvp::PoolEdit::Kind::kLoad;
      for (const v1::PoolRecord& record : request.load().records()) AddRecord(record, &edit);
      break;
    case v1::EditPoolRequest::kRemove:
      edit.kind = kvp::PoolEdit::Kind::kRemove;
      edit.keys.assign(request.remove().keys().begin(), request.remove().keys().end());
      break;
    case v1::EditPoolRequest::kClear:
      edit.if_stale = request.clear().if_stale();
      break;
    case v1::EditPoolRequest::EDIT_NOT_SET:
      return absl::InvalidArgumentError("the request names no edit");
  }
  std::string error = kvp::CheckEdit(edit);
  if (!error.empty()) return absl::InvalidArgumentError(error);
  return edit;
}

absl::StatusOr<v1::EditPoolResponse> ToResponse(const absl::StatusOr<size_t>& removed) {
  if (absl::IsInvalidArgument(removed.status())) return removed.status();
  if (!removed.ok()) return absl::UnavailableError(removed.status().message());
  v1::EditPoolResponse response;
  response.set_removed(*removed);
  return response;
}

}  // namespace

void PoolEditor::Edit(const Identity& caller, const v1::EditPoolRequest& request, Done done) {
  if (const auto verdict = options_.gate->Judge(caller); !verdict.ok()) {
    return done(Annotate(verdict.status, "the pool"));
  }
  auto edit = ToEdit(request);
  if (!edit.ok()) return done(edit.status());
  options_.kvp->Do(
      [loop = options_.loop, edit = *std::move(edit), done = std::move(done)](sinks::Sink& sink) {
        // The worker named kvp drives no other sink.
        const auto removed = static_cast<kvp::KvpSink&>(sink).Edit(edit);
        loop->Post([done, response = ToResponse(removed)] { done(response); });
      });
}

}  // namespace sluice::control
