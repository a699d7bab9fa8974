#include "proto/kvp/vm_id.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>

#include "proto/trace/header_text.h"
#include "proto/trace/uuid.h"

namespace sluice {
namespace {

char ToLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

std::string NormalizeVmId(std::string_view product_uuid, VmGeneration generation) {
  std::string lower(TrimBlanks(product_uuid, " \t\r\n"));
  std::transform(lower.begin(), lower.end(), lower.begin(), ToLower);
  std::optional<Uuid> id = ParseUuid(lower);
  if (generation == VmGeneration::kGen2 || !id) return lower;
  auto* const bytes = id->bytes.data();
  std::reverse(bytes, bytes + 4);
  std::reverse(bytes + 4, bytes + 6);
  std::reverse(bytes + 6, bytes + 8);
  return FormatUuid(*id);
}

std::string ReadVmId(const std::string& root) {
  std::ifstream file(root + "sys/class/dmi/id/product_uuid");
  std::string product_uuid;
  std::getline(file, product_uuid);
  const bool efi = ::access((root + "sys/firmware/efi").c_str(), F_OK) == 0 ||
                   ::access((root + "dev/efi").c_str(), F_OK) == 0;
  return NormalizeVmId(product_uuid, efi ? VmGeneration::kGen2 : VmGeneration::kGen1);
}

}  // namespace sluice
