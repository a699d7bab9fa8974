#include "agent/sinks/otlp/net/load_module.h"

#include <dlfcn.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "agent/sinks/otlp/net/module.h"

#define SLUICE_OTLP_TEXT(name) #name
#define SLUICE_OTLP_VALUE_TEXT(name) SLUICE_OTLP_TEXT(name)

namespace sluice::otlp {
namespace {

constexpr char kFile[] = "sluice-otlp.so";
constexpr char kSymbol[] = SLUICE_OTLP_VALUE_TEXT(SLUICE_OTLP_MODULE_FUNCTION);
using MakeTransport = decltype(SLUICE_OTLP_MODULE_FUNCTION);

absl::StatusOr<std::string> FindModule() {
  std::error_code error;
  const auto folder = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  const auto installed = (folder / "../lib/sluice" / kFile).lexically_normal();
  const auto beside = folder / kFile;
  for (const auto& path : {installed, beside}) {
    if (std::filesystem::exists(path, error)) return path.string();
  }
  return absl::NotFoundError(absl::StrCat(
      "export over a network needs the module ", kFile, ", which is neither ", installed.string(),
      " nor ", beside.string(), "; it is installed together with sluiced"));
}

absl::StatusOr<MakeTransport*> LoadModule() {
  const absl::StatusOr<std::string> path = FindModule();
  if (!path.ok()) return path.status();
  // Never closed: threads of libcurl may outlive a transport.
  void* const module = dlopen(path->c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) return absl::FailedPreconditionError(dlerror());
  void* const symbol = dlsym(module, kSymbol);
  if (symbol == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat(*path, " is of another version than this agent"));
  }
  return reinterpret_cast<MakeTransport*>(symbol);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Transport>> MakeNetworkTransport(const Destination& destination) {
  // dlopen counts; looking anew each time finds a module that was installed meanwhile.
  const absl::StatusOr<MakeTransport*> make = LoadModule();
  if (!make.ok()) return make.status();
  std::unique_ptr<Transport> transport;
  std::string error;
  (*make)(destination, &transport, &error);
  if (!transport) return absl::InvalidArgumentError(error);
  return transport;
}

}  // namespace sluice::otlp
