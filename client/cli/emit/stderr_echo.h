// Shows what a verb emits on its own stderr, where SLUICE_STDERR asks for it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "client/src/stderr/printer.h"

namespace sluice::cli {

// Events, each as its line.
class EventEcho {
 public:
  EventEcho();
  // An encoded record.
  void Show(std::string_view record);

 private:
  std::unique_ptr<StderrPrinter> printer_;  // null: nothing is shown
};

// A span as it opens and closes.
class SpanEcho {
 public:
  SpanEcho() : printer_(StderrPrinter::FromEnvironment()) {}

  // Their encoded records.
  void Start(std::string record);
  void End(std::string_view record);

 private:
  std::unique_ptr<StderrPrinter> printer_;  // null: nothing is shown
  std::string start_record_;
  std::string fields_;
};

}  // namespace sluice::cli
