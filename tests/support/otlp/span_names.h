// What spans a request of OTLP brings.
#pragma once

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "sluice/otlp/v1/collector.pb.h"

namespace sluice::otlp {

// The names, in order, of an encoded ExportTraceServiceRequest.
inline std::vector<std::string> SpanNamesIn(const std::string& request) {
  v1::ExportTraceServiceRequest message;
  EXPECT_TRUE(message.ParseFromString(request));
  std::vector<std::string> names;
  for (const auto& resource : message.resource_spans()) {
    for (const auto& scope : resource.scope_spans()) {
      for (const auto& span : scope.spans()) names.push_back(span.name());
    }
  }
  return names;
}

}  // namespace sluice::otlp
