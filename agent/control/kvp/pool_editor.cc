#include "agent/control/kvp/pool_editor.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/base/status_macros.h"
#include "agent/identity/host_root.h"
#include "agent/sinks/kvp/edits_pool.h"
#include "agent/sinks/kvp/pool_file.h"
#include "proto/kvp/edit.h"
#include "proto/kvp/edit_file.h"
#include "proto/record/limits.h"

namespace sluice::control {
namespace {

void AddRecord(const v1::PoolRecord& record, kvp::PoolEdit* edit) {
  edit->records.push_back({record.key(), record.value()});
}

absl::StatusOr<kvp::PoolEdit> ToEdit(const v1::EditPoolRequest& request) {
  const int records = std::max(request.append().records_size(), request.load().records_size());
  if (records > limits::kEditPoolRecords) {
    return absl::InvalidArgumentError(
        absl::StrCat(records, " records are too many for one change of the pool; at most ",
                     limits::kEditPoolRecords, " are taken"));
  }
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

// What `caller` may do and asks for.
absl::StatusOr<kvp::PoolEdit> Admit(const Identity& caller, const v1::EditPoolRequest& request) {
  const net::HostRootVerdict verdict = net::JudgeHostRoot(caller);
  if (!verdict.ok()) return Annotate(verdict.status, "the pool");
  return ToEdit(request);
}

absl::StatusOr<size_t> EditBySink(sinks::Sink& sink, const kvp::PoolEdit& edit) {
  auto* const pool = dynamic_cast<kvp::EditsPool*>(&sink);
  if (pool == nullptr) return absl::InternalError("this sink has no pool");
  return pool->Edit(edit);
}

absl::StatusOr<size_t> EditPoolFile(const std::string& path, const kvp::PoolEdit& edit) {
  const kvp::PoolResult<size_t> removed = kvp::EditPoolFile({.path = path}, edit);
  if (!removed.ok()) return kvp::ToStatus(removed.error());
  return *removed;
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
  auto edit = Admit(caller, request);
  if (!edit.ok()) return done(edit.status());
  options_.kvp->RunOnWorker(
      [loop = options_.loop, edit = *std::move(edit), done = std::move(done)](sinks::Sink& sink) {
        loop->Post([done, response = ToResponse(EditBySink(sink, edit))] { done(response); });
      });
}

absl::StatusOr<Producer> PoolEditor::EditFile(const Identity& caller,
                                              const v1::EditPoolRequest& request) const {
  ASSIGN_OR_RETURN(kvp::PoolEdit edit, Admit(caller, request));
  return [path = options_.path, edit = std::move(edit)](AnswerStream& stream) -> absl::Status {
    ASSIGN_OR_RETURN(const v1::EditPoolResponse response, ToResponse(EditPoolFile(path, edit)));
    stream.Send(response.SerializeAsString());
    return absl::OkStatus();
  };
}

}  // namespace sluice::control
