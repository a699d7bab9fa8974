#include "client/cli/emit/stderr_echo.h"

#include <utility>

#include "proto/record/view.h"

namespace sluice::cli {

EventEcho::EventEcho() : printer_(StderrPrinter::FromEnvironment()) {
  if (printer_ != nullptr) printer_->Complain();
}

void EventEcho::Show(std::string_view record) {
  const auto event = printer_ == nullptr ? std::nullopt : ReadRecord(record);
  if (!event || !printer_->Wants(event->level, event->target)) return;
  printer_->Write(printer_->EventLine(*event, {}));
}

void SpanEcho::Start(std::string record) {
  if (printer_ != nullptr) printer_->Complain();
  start_record_ = std::move(record);
  const auto start = ReadRecord(start_record_);
  // Who wants the span also wants its failure, which counts as an error.
  if (printer_ == nullptr || !start || !printer_->Wants(Level::kError, start->target)) {
    return printer_.reset();
  }
  printer_->AppendFields(*start, &fields_);
  if (!printer_->Wants(start->level, start->target)) return;
  const SpanContextItem context{start->span.name, fields_};
  printer_->Write(
      printer_->NewLine(start->level, start->target, {&context, 1}, start->span.start_unix_nano));
}

void SpanEcho::End(std::string_view record) {
  const auto start = ReadRecord(start_record_);
  const auto end = ReadRecord(record);
  if (printer_ == nullptr || !start || !end) return;
  const bool failed = end->span.status == StatusCode::kError;
  const Level level = failed ? Level::kError : start->level;
  if (!printer_->Wants(level, start->target)) return;
  printer_->AppendFields(*end, &fields_);
  const SpanContextItem context{start->span.name, fields_};
  printer_->Write(printer_->CloseLine(
      level, start->target, {&context, 1}, start->span.start_unix_nano, end->span.end_unix_nano,
      failed ? std::optional(end->span.status_message) : std::nullopt));
}

}  // namespace sluice::cli
