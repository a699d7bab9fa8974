#include "agent/sinks/kvp/kvp_sink.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/base/status_macros.h"
#include "agent/live/resource_text.h"
#include "agent/sinks/kvp/stale.h"
#include "proto/kvp/key.h"
#include "proto/kvp/report.h"
#include "proto/kvp/value.h"
#include "proto/record/names.h"
#include "proto/text/message_text.h"
#include "proto/trace/uuid.h"

namespace sluice::kvp {
namespace {

using stream::Delivery;

// What becomes the provisioning report; any other text stays in its event.
std::optional<std::string_view> ReportIn(const RecordView& event) {
  const auto report = FindHealthReport(event);
  return report.has_value() && FitsOneRecord(*report) ? report : std::nullopt;
}

// azure-init's layer knows no status.
std::string SpanText(const live::Span& span, Profile profile) {
  const SpanView view = span.view();
  if (profile == Profile::kStrict || view.status != StatusCode::kError) {
    return SpanValue(view.start_unix_nano, view.end_unix_nano);
  }
  return FailedSpanValue(view.start_unix_nano, view.end_unix_nano, view.status_message);
}

// Of the key.
Level LevelOf(const Delivery& delivery, Profile profile) {
  const bool own = profile == Profile::kStrict && delivery.kind == Delivery::Kind::kSpanClosed;
  return own ? delivery.span->level : delivery.level;
}

std::string SummaryText(const GivenUp& given_up) {
  return absl::StrCat("Given up for want of room: ", given_up.total(), " (dropped ",
                      given_up.dropped, ", overwritten ", given_up.overwritten, ", trimmed ",
                      given_up.trimmed, ")");
}

}  // namespace

KvpSink::KvpSink(Options options)
    : options_(std::move(options)),
      pool_(PoolFile::Options{.path = options_.pool_path, .syscalls = &syscalls_}) {
  std::memcpy(epoch_.data(), options_.journal_epoch.data(),
              std::min(epoch_.size(), options_.journal_epoch.size()));
}

absl::Status KvpSink::Open() {
  RETURN_IF_ERROR(ClearIfStale());
  if (keeper_ != nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(const BootFacts boot, ReadBootFacts());
  boot_time_ = boot.boot_time;
  PoolKeeper::Options keeper;
  keeper.shadow_path = absl::StrCat(options_.runtime_directory, "/kvp_shadow");
  keeper.summary_key = BuildKey(
      {options_.prefix, options_.vm_id, Level::kWarn, "kvp:given_up", DeriveUuid(epoch_, 0, 0)},
      options_.profile);
  keeper.format_summary = SummaryText;
  keeper.counters = options_.counters;
  keeper.boot_id = boot.boot_id;
  ASSIGN_OR_RETURN(keeper_, PoolKeeper::Open(&pool_, std::move(keeper)));
  return absl::OkStatus();
}

absl::Status KvpSink::ClearIfStale() {
  if (!stale_check_due_) return absl::OkStatus();
  ASSIGN_OR_RETURN(const BootFacts boot, ReadBootFacts());
  ASSIGN_OR_RETURN(const StaleCheck outcome, ClearStalePool(&pool_, options_.boot_id_path, boot));
  if (outcome == StaleCheck::kCleared) options_.counters->Add("kvp.stale_cleared");
  stale_check_due_ = outcome == StaleCheck::kNoPool;
  return absl::OkStatus();
}

bool KvpSink::IsTrusted(uid_t uid) const {
  return uid == 0 ||
         std::find(options_.trusted.begin(), options_.trusted.end(), uid) != options_.trusted.end();
}

std::string KvpSink::PrefixOf(const live::Origin& origin) const {
  const uid_t uid = origin.identity.uid;
  if (!IsTrusted(uid)) return absl::StrCat("sluice-", std::string(kVersion), "-u", uid);
  const auto name = live::FindResourceText(origin.resource, "service.name");
  const auto version = live::FindResourceText(origin.resource, "service.version");
  if (name.empty() || version.empty()) return options_.prefix;
  return absl::StrCat(std::string(name), "-", std::string(version));
}

std::string KvpSink::UuidOf(const Delivery& delivery) const {
  return DeriveUuid(epoch_, delivery.sequence, delivery.part, delivery.event);
}

std::string KvpSink::KeyOf(const Delivery& delivery) const {
  const live::Span* const span = delivery.span;
  const std::string name = span != nullptr ? FormatEventName(span->target, span->name)
                                           : std::string(delivery.record->target);
  const std::string prefix = PrefixOf(*delivery.origin);
  const std::string uuid = UuidOf(delivery);
  const KeyParts parts{prefix, options_.vm_id, LevelOf(delivery, options_.profile), name, uuid};
  std::string key = BuildKey(parts, options_.profile);
  // The field would hold a key without its UUID, as many others would have it.
  const bool cut = key.size() > kKeyBytes || key.find('\0') != std::string::npos;
  return cut ? BuildKey(parts, Profile::kSafe) : key;
}

stream::UnfilteredFn KvpSink::unfiltered() const {
  return [](const RecordView& event, bool sender_is_host_root) {
    return sender_is_host_root && ReportIn(event).has_value();
  };
}

void KvpSink::Add(const Delivery& delivery) {
  if (delivery.kind == Delivery::Kind::kSpanOpened) return;
  if (!delivery.this_boot) {
    options_.counters->Add("kvp.skipped", "earlier_boot");
    return;
  }
  if (delivery.sender_is_host_root && delivery.kind == Delivery::Kind::kEvent) {
    if (const auto report = ReportIn(*delivery.record)) {
      pending_bytes_ += kRecordBytes;
      if (!report_.has_value()) report_.emplace();
      report_->text = std::string(*report);
      report_->uuids.push_back(UuidOf(delivery));
      return;
    }
  }
  if (delivery.kind == Delivery::Kind::kSpanClosed)
    return AddEntry(delivery, KeyOf(delivery), SpanText(*delivery.span, options_.profile));
  if (const auto report = FindCloudInitReport(*delivery.record)) {
    return AddCloudInitReport(delivery, *report);
  }
  const uint64_t stated = delivery.record->event.time_unix_nano;
  const uint64_t time = stated == 0 ? delivery.received_unix_nano : stated;
  AddEntry(delivery, KeyOf(delivery), EventValue(time, MessageText(*delivery.record)));
}

// Its parts have keys of their own, so each is an entry.
void KvpSink::AddCloudInitReport(const Delivery& delivery, const CloudInitReport& report) {
  const std::string prefix = IsTrusted(delivery.origin->identity.uid) ? CloudInitPrefix(report)
                                                                      : PrefixOf(*delivery.origin);
  for (const KeyAndValue& record :
       CloudInitRecords(report, prefix, options_.vm_id, UuidOf(delivery))) {
    AddEntry(delivery, record.key, record.value);
  }
}

void KvpSink::AddEntry(const Delivery& delivery, const std::string& key, const std::string& value) {
  PoolEntry entry;
  AppendRecords(key, value, options_.profile, &entry.records);
  entry.level = delivery.level;
  entry.uid = delivery.origin->identity.uid;
  pending_bytes_ += entry.records.size();
  entries_.push_back(std::move(entry));
}

absl::Status KvpSink::Commit() {
  if (watch_.has_value()) RETURN_IF_ERROR(watch_->Read());
  absl::Status status = WritePending();
  if (absl::IsNotFound(status) && !watch_.has_value()) {
    ASSIGN_OR_RETURN(watch_, PoolWatch::Create(options_.pool_path));
    status = WritePending();  // the directory may have come before the watch
  }
  if (!absl::IsNotFound(status)) watch_.reset();
  return status;
}

absl::Status KvpSink::WritePending() {
  RETURN_IF_ERROR(ClearIfStale());
  if (!entries_.empty()) RETURN_IF_ERROR(keeper_->Append(entries_));
  entries_.clear();
  if (report_.has_value()) {
    RETURN_IF_ERROR(keeper_->Upsert(std::string(kReportKey), report_->text, report_->uuids));
  }
  report_.reset();
  pending_bytes_ = 0;
  return ClearIfStale();  // the pool may be of our own making: the boot's first
}

absl::Status KvpSink::Sync() {
  absl::Status status = keeper_->Sync();
  const uint64_t repaired = pool_.torn_tails_repaired();
  if (repaired > counted_repairs_) {
    options_.counters->Add("kvp.torn_repaired", {}, {}, repaired - counted_repairs_);
  }
  counted_repairs_ = repaired;
  return status;
}

absl::StatusOr<size_t> KvpSink::Edit(const PoolEdit& edit) {
  RETURN_IF_ERROR(Open());
  const absl::StatusOr<size_t> removed = keeper_->Edit(edit, boot_time_);
  // Nothing can be taken out of a pool that nobody has made.
  if (absl::IsNotFound(removed.status()) && !edit.adds()) return 0;
  if (removed.ok()) RETURN_IF_ERROR(Sync());
  return removed;
}

bool KvpSink::PoolChanged() {
  struct stat info {};
  if (::stat(options_.pool_path.c_str(), &info) != 0) info = {};
  const std::array<int64_t, 5> now{static_cast<int64_t>(info.st_ino), info.st_size,
                                   info.st_mtim.tv_sec, info.st_mtim.tv_nsec, info.st_ctim.tv_nsec};
  return std::exchange(seen_, now) != now;
}

bool KvpSink::OnIdle() {
  if (!PoolChanged()) return false;
  if (!ClearIfStale().ok() || !keeper_->Reconcile().ok())
    options_.counters->Add("kvp.reconcile_failed");
  PoolChanged();
  return true;
}

}  // namespace sluice::kvp
