// Loads the library of its argument, has it emit, and unloads it: on a thread that ends after that,
// and on its own. It knows nothing of sluice itself.
#include <dlfcn.h>

#include <cstdlib>
#include <thread>

namespace {

void LoadEmitUnload(const char* path) {
  void* const library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) std::abort();
  reinterpret_cast<void (*)()>(dlsym(library, "EmitFromPlugin"))();
  if (dlclose(library) != 0) std::abort();
}

}  // namespace

int main(int, char** argv) {
  std::thread([path = argv[1]] { LoadEmitUnload(path); }).join();
  LoadEmitUnload(argv[1]);
}
