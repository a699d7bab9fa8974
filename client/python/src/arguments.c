#include "arguments.h"

static PyObject* option_numbers; /* a dict of their names */

int arguments_prepare(void) {
  static const char* const names[OPTION_COUNT] = {"target", "level", "kind",
                                                  "parent", "links", "time"};
  option_numbers = PyDict_New();
  if (option_numbers == NULL) return -1;
  for (int i = 0; i < OPTION_COUNT; ++i) {
    PyObject* const number = PyLong_FromLong(i);
    if (number == NULL) return -1;
    const int failed = PyDict_SetItemString(option_numbers, names[i], number);
    Py_DECREF(number);
    if (failed) return -1;
  }
  return 0;
}

/* The number of an option that the call has, else -1. */
static long option_of(const Call* call, PyObject* keyword) {
  PyObject* const number = PyDict_GetItemWithError(option_numbers, keyword);
  if (number == NULL) return -1;
  const long option = PyLong_AsLong(number);
  return call->options >> option & 1 ? option : -1;
}

int arguments_read(const Call* call, PyObject* const* given, Py_ssize_t count, PyObject* keywords,
                   Arguments* arguments) {
  attributes_begin(&arguments->attributes);
  for (int i = 0; i < OPTION_COUNT; ++i) arguments->options[i] = Py_None;
  if (count < call->required || count > call->required + 1) {
    PyErr_Format(PyExc_TypeError, "%s takes %zd arguments and a mapping of attributes; %zd given",
                 call->name, call->required, count);
    return -1;
  }
  if (count > call->required &&
      attributes_add_all(&arguments->attributes, given[call->required]) != 0) {
    return -1;
  }
  const Py_ssize_t named = keywords == NULL ? 0 : PyTuple_Size(keywords);
  for (Py_ssize_t i = 0; i < named; ++i) {
    PyObject* const keyword = PyTuple_GetItem(keywords, i);
    const long option = option_of(call, keyword);
    if (option < 0) {
      attributes_add(&arguments->attributes, keyword, given[count + i]);
    } else {
      arguments->options[option] = given[count + i];
    }
  }
  return 0;
}

void arguments_end(Arguments* arguments) { attributes_end(&arguments->attributes); }

int arguments_read_time(PyObject* given, uint64_t* unix_ns) {
  *unix_ns = 0;
  if (given == Py_None) return 0;
  *unix_ns = PyLong_AsUnsignedLongLong(given);
  return PyErr_Occurred() ? -1 : 0;
}
