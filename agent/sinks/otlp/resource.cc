#include "agent/sinks/otlp/resource.h"

#include <unistd.h>

#include <climits>
#include <fstream>

#include "proto/record/attribute_writer.h"
#include "proto/record/field_numbers.h"
#include "proto/record/view.h"
#include "proto/wire/writer.h"

namespace sluice::otlp {
namespace {

constexpr uint32_t kAttributes = resource_field::kAttributes;

bool Says(std::string_view resource, std::string_view key) {
  for (const std::string_view encoded : FieldRange(resource, kAttributes)) {
    if (ReadAttribute(encoded).key == key) return true;
  }
  return false;
}

bool IsHex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// Of units such as `docker-<64 hex digits>.scope`, which container engines make.
std::string_view ContainerOf(std::string_view unit) {
  constexpr std::string_view kEnd = ".scope";
  if (!unit.ends_with(kEnd)) return {};
  unit.remove_suffix(kEnd.size());
  const std::string_view id = unit.substr(unit.rfind('-') + 1);  // npos + 1 is 0
  return id.size() == 64 && IsHex(id) ? id : std::string_view();
}

}  // namespace

HostResource ReadHostResource(std::string_view vm_id) {
  HostResource host;
  char name[HOST_NAME_MAX + 1] = {};
  if (::gethostname(name, sizeof(name) - 1) == 0) host.name = name;
  if (vm_id.find_first_not_of("0-") != std::string_view::npos) {
    host.id = vm_id;
  } else {
    std::ifstream("/etc/machine-id") >> host.id;
  }
  return host;
}

std::string MergeResource(std::string_view of_process, const Identity& identity,
                          const HostResource& host) {
  std::string resource(of_process);
  StringWireWriter writer{StringSink(&resource)};
  const auto write_text = [&](std::string_view key, std::string_view value) {
    if (!value.empty()) WriteStringAttribute(writer, kAttributes, key, value);
  };
  const auto write_absent = [&](std::string_view key, std::string_view value) {
    if (!value.empty() && !Says(of_process, key)) write_text(key, value);
  };
  WriteIntAttribute(writer, kAttributes, "sluice.uid", identity.uid);
  WriteIntAttribute(writer, kAttributes, "sluice.gid", identity.gid);
  WriteIntAttribute(writer, kAttributes, "sluice.pid", identity.pid);
  write_text("sluice.unit", identity.unit);
  write_text("sluice.comm", identity.comm);
  write_absent("container.id", ContainerOf(identity.unit));
  write_absent("k8s.pod.uid", identity.pod);
  write_absent("host.name", host.name);
  write_absent("host.id", host.id);
  bool has_name = false;
  for (const auto& [key, value] : host.attributes) {
    write_absent(key, value);
    has_name |= key == "service.name";
  }
  if (!has_name) {
    write_absent("service.name",
                 identity.comm.empty() ? "unknown_service" : "unknown_service:" + identity.comm);
  }
  return resource;
}

}  // namespace sluice::otlp
