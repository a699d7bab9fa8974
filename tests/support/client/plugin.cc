// A library that emits, for plugin_host to load and unload.
#define SLUICE_TARGET "app::plugin"

#include "sluice/sluice.hpp"

extern "C" __attribute__((visibility("default"))) void EmitFromPlugin() {
  const sluice::Span span("plugin", {{"n", 1}});
  SLUICE_INFO("from the plugin");
}
