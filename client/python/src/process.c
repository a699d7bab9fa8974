#include "process.h"

#include <string.h>

/* What init was given, for the children of fork. Each is a str or NULL; `resource` is a dict. */
static struct {
  PyObject *service_name, *service_version, *socket_path, *baggage_keys, *resource;
} given;

static PyObject* program;     /* what the script is called; a str, or NULL */
static PyObject* target_key;  /* "__name__" */
static PyObject* main_module; /* "__main__" */
static PyObject* level_names; /* a dict */
static int is_begun;

static int begin(void) {
  Attributes texts;
  attributes_begin(&texts);
  sluice_options options = {.size = sizeof(options)};
  if (given.service_name) options.service_name = attributes_text(&texts, given.service_name);
  if (given.service_version) {
    options.service_version = attributes_text(&texts, given.service_version);
  }
  if (given.socket_path) options.socket_path = attributes_text(&texts, given.socket_path);
  if (given.baggage_keys) options.baggage_keys = attributes_text(&texts, given.baggage_keys);
  texts.items[texts.count++] = (sluice_attribute){.key = sluice_str("telemetry.sdk.language"),
                                                  .type = SLUICE_STRING,
                                                  .value = {.text = sluice_str("python")}};
  if (given.resource) (void)attributes_add_all(&texts, given.resource);
  options.resource = texts.items;
  options.resource_count = texts.count;
  const int is_first = sluice_init(&options) == 0;
  attributes_end(&texts);
  return is_first;
}

void process_begin(void) {
  if (is_begun) return;
  is_begun = 1;
  (void)begin();
}

void process_forget(void) { is_begun = 0; }

/* Of str or None; what is left out stays as it was. */
static int keep_text(PyObject* value, PyObject** kept, const char* name) {
  if (value == NULL || value == Py_None) return 0;
  if (!PyUnicode_Check(value)) {
    PyErr_Format(PyExc_TypeError, "%s must be a str", name);
    return -1;
  }
  PyObject* const before = *kept;
  *kept = Py_NewRef(value);
  Py_XDECREF(before);
  return 0;
}

static PyObject* init(PyObject* module, PyObject* args, PyObject* keywords) {
  static char* names[] = {"service_name", "service_version", "socket_path",
                          "baggage_keys", "resource",        NULL};
  PyObject *name = NULL, *version = NULL, *path = NULL, *keys = NULL, *resource = NULL;
  (void)module;
  if (!PyArg_ParseTupleAndKeywords(args, keywords, "|$OOOOO!:init", names, &name, &version, &path,
                                   &keys, &PyDict_Type, &resource)) {
    return NULL;
  }
  if (is_begun) Py_RETURN_FALSE;
  if (keep_text(name, &given.service_name, "service_name") != 0 ||
      keep_text(version, &given.service_version, "service_version") != 0 ||
      keep_text(path, &given.socket_path, "socket_path") != 0 ||
      keep_text(keys, &given.baggage_keys, "baggage_keys") != 0) {
    return NULL;
  }
  Py_XDECREF(given.resource);
  given.resource = resource == NULL ? NULL : PyDict_Copy(resource);
  is_begun = 1;
  return PyBool_FromLong(begin());
}

/* What the script is called, and the service, where nothing else names it. Each a str or None. */
static PyObject* set_program(PyObject* module, PyObject* args) {
  PyObject *name, *service;
  (void)module;
  if (!PyArg_ParseTuple(args, "OO:_set_program", &name, &service)) return NULL;
  if (keep_text(name, &program, "program") != 0 ||
      keep_text(service, &given.service_name, "service_name") != 0) {
    return NULL;
  }
  Py_RETURN_NONE;
}

static PyObject* flush(PyObject* module, PyObject* args, PyObject* keywords) {
  static char* names[] = {"timeout", NULL};
  double seconds = 1;
  (void)module;
  if (!PyArg_ParseTupleAndKeywords(args, keywords, "|d:flush", names, &seconds)) return NULL;
  const double most = 86400;
  if (!(seconds > 0)) seconds = 0;
  if (seconds > most) seconds = most;
  int result;
  Py_BEGIN_ALLOW_THREADS;
  result = sluice_flush((uint32_t)(seconds * 1000));
  Py_END_ALLOW_THREADS;
  return PyBool_FromLong(result == 0);
}

static PyObject* enabled(PyObject* module, PyObject* args) {
  PyObject *level_given, *target_given = Py_None;
  sluice_level level;
  (void)module;
  if (!PyArg_ParseTuple(args, "O|O:enabled", &level_given, &target_given)) return NULL;
  if (process_read_level(level_given, &level) != 0) return NULL;
  process_begin();
  PyObject* const target = process_target(target_given);
  Attributes texts;
  attributes_begin(&texts);
  const int is_enabled =
      sluice_enabled(level, target == NULL ? sluice_str(NULL) : attributes_text(&texts, target));
  attributes_end(&texts);
  return PyBool_FromLong(is_enabled);
}

static PyObject* stats(PyObject* module, PyObject* unused) {
  (void)module;
  (void)unused;
  sluice_stats now = {.size = sizeof(now)};
  sluice_read_stats(&now);
  return Py_BuildValue("{s:K,s:K,s:K,s:K,s:K,s:K,s:K,s:K,s:O}", "emitted", now.emitted, "sent",
                       now.sent, "acked", now.acked, "suppressed", now.suppressed,
                       "dropped_ring_full", now.dropped_ring_full, "dropped_span_limit",
                       now.dropped_span_limit, "dropped_too_large", now.dropped_too_large,
                       "dropped_by_agent", now.dropped_by_agent, "is_connected",
                       now.is_connected ? Py_True : Py_False);
}

int process_read_level(PyObject* value, sluice_level* level) {
  PyObject* const named =
      PyUnicode_Check(value) ? PyDict_GetItemWithError(level_names, value) : NULL;
  const long number = PyLong_AsLong(named != NULL ? named : value);
  if (number >= SLUICE_ERROR && number <= SLUICE_TRACE) {
    *level = (sluice_level)number;
    return 0;
  }
  PyErr_Clear();
  PyErr_SetString(PyExc_ValueError,
                  "a level is 'error', 'warn', 'info', 'debug' or 'trace', or sluice.ERROR to "
                  "sluice.TRACE");
  return -1;
}

PyObject* process_target(PyObject* value) {
  if (PyUnicode_Check(value)) return value;
  PyObject* const globals = PyEval_GetGlobals();
  PyObject* const name = globals == NULL ? NULL : PyDict_GetItemWithError(globals, target_key);
  if (name == NULL || !PyUnicode_Check(name)) {
    PyErr_Clear();
    return NULL;
  }
  return PyUnicode_Compare(name, main_module) == 0 ? program : name;
}

static PyMethodDef functions[] = {
    {"init", (PyCFunction)(void (*)(void))init, METH_VARARGS | METH_KEYWORDS,
     "Names the process. Optional, and only before the first use: else it does nothing and is "
     "False."},
    {"flush", (PyCFunction)(void (*)(void))flush, METH_VARARGS | METH_KEYWORDS,
     "Waits until the agent has everything so far in its journal; whether it had within so many "
     "seconds."},
    {"enabled", enabled, METH_VARARGS,
     "Whether spans and events of that level, and that target, are wanted now."},
    {"stats", stats, METH_NOARGS, "Counters of this process, by name."},
    {"_set_program", set_program, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL}};

static int add_levels(PyObject* module) {
  static const struct {
    const char *name, *constant;
    sluice_level level;
  } levels[] = {{"error", "ERROR", SLUICE_ERROR}, {"warn", "WARN", SLUICE_WARN},
                {"info", "INFO", SLUICE_INFO},    {"debug", "DEBUG", SLUICE_DEBUG},
                {"trace", "TRACE", SLUICE_TRACE}, {"warning", "WARNING", SLUICE_WARN}};
  level_names = PyDict_New();
  if (level_names == NULL) return -1;
  for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); ++i) {
    PyObject* const number = PyLong_FromLong(levels[i].level);
    const int failed = number == NULL ||
                       PyDict_SetItemString(level_names, levels[i].name, number) != 0 ||
                       PyDict_SetItemString(level_names, levels[i].constant, number) != 0 ||
                       PyModule_AddObjectRef(module, levels[i].constant, number) != 0;
    Py_XDECREF(number);
    if (failed) return -1;
  }
  return 0;
}

int process_add_to(PyObject* module) {
  target_key = PyUnicode_InternFromString("__name__");
  main_module = PyUnicode_InternFromString("__main__");
  if (target_key == NULL || main_module == NULL || add_levels(module) != 0) return -1;
  return PyModule_AddFunctions(module, functions);
}
