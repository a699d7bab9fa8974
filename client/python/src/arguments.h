/* The arguments of calls that take attributes as keywords, and a few options among them. */
#ifndef SLUICE_PYTHON_ARGUMENTS_H_
#define SLUICE_PYTHON_ARGUMENTS_H_

#include <Python.h>

#include "attributes.h"

enum Option {
  OPTION_TARGET,
  OPTION_LEVEL,
  OPTION_KIND,
  OPTION_PARENT,
  OPTION_LINKS,
  OPTION_TIME,
  OPTION_COUNT
};

/* What one call was given. Objects are the caller's. */
typedef struct Arguments {
  PyObject* options[OPTION_COUNT]; /* Py_None where it was left out */
  Attributes attributes;
} Arguments;

/* What a call may be given: so many positional arguments, of which the last may be a mapping of
 * attributes, and of the options those whose bits are set. Any other keyword is an attribute. */
typedef struct Call {
  const char* name;
  Py_ssize_t required;
  unsigned options; /* 1 << OPTION_... */
} Call;

int arguments_prepare(void);

/* Reads them. 0, or -1 with an exception; arguments_end in either case. */
int arguments_read(const Call* call, PyObject* const* given, Py_ssize_t count, PyObject* keywords,
                   Arguments* arguments);
void arguments_end(Arguments* arguments);

/* Unix nanoseconds of an int, 0 of None. 0, or -1 with an exception. */
int arguments_read_time(PyObject* given, uint64_t* unix_ns);

#endif /* SLUICE_PYTHON_ARGUMENTS_H_ */
