// prepare_disk [--hang] DEVICE: a step of the provisioning job, in C++. Its spans become children
// of the one that TRACEPARENT names. With --hang it is killed in the middle.
#include <csignal>
#include <cstdio>
#include <cstring>

#include "sluice/sluice.hpp"

namespace {

constexpr sluice::SpanOptions kProvision = {.target = "provision"};

void Format(const char* device) {
  sluice::Span span("format", {{"device", device}, {"type", "ext4"}}, kProvision);
  span.AddEvent("file system made", {{"blocks", 262144}});
}

void Partition(const char* device, bool hangs) {
  sluice::Span span("partition", {{"device", device}, {"table", "gpt"}}, kProvision);
  if (hangs) {
    sluice::Flush(1000);
    std::raise(SIGKILL);
  }
  span.SetAttribute("partitions", 2);
  Format(device);
}

}  // namespace

int main(int argc, char** argv) {
  const bool hangs = argc == 3 && std::strcmp(argv[1], "--hang") == 0;
  if (argc != (hangs ? 3 : 2)) {
    std::fputs("Usage: prepare_disk [--hang] DEVICE\n", stderr);
    return 2;
  }
  sluice::Init({.service_name = "prepare_disk"});
  Partition(argv[argc - 1], hangs);
}
