/* What concerns the process as a whole, and what spans and events have in common. */
#ifndef SLUICE_PYTHON_PROCESS_H_
#define SLUICE_PYTHON_PROCESS_H_

#include <Python.h>

#include "attributes.h"
#include "sluice/sluice.h"

/* Adds init, flush, enabled and stats. 0, or -1 with an exception. */
int process_add_to(PyObject* module);

/* Before the first use of the library, here or in a child of fork: it is begun with what init was
 * given, or named after the script. */
void process_begin(void);
/* In a child of fork: it has to be begun again. */
void process_forget(void);

/* Reads SLUICE_ERROR to SLUICE_TRACE, or its name. 0, or -1 with ValueError. */
int process_read_level(PyObject* given, sluice_level* level);

/* The module that speaks: `given` where it is a str, else that of the calling Python code.
 * Borrowed; NULL, without an exception, where there is none. */
PyObject* process_target(PyObject* given);

#endif /* SLUICE_PYTHON_PROCESS_H_ */
