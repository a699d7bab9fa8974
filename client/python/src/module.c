#include "module.h"

#include "context.h"
#include "process.h"
#include "span.h"

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "sluice._sluice",
                                        .m_size = -1};

PyMODINIT_FUNC PyInit__sluice(void) {
  PyObject* const module = PyModule_Create(&definition);
  if (module == NULL) return NULL;
  if (process_add_to(module) == 0 && context_add_to(module) == 0 && span_add_to(module) == 0) {
    return module;
  }
  Py_DECREF(module);
  return NULL;
}
