/* The class Context, a place in a trace that a program hands on, and which one is current. */
#ifndef SLUICE_PYTHON_CONTEXT_H_
#define SLUICE_PYTHON_CONTEXT_H_

#include <Python.h>

#include "sluice/sluice.h"

/* What Context and Span begin with, so that either can be current. */
typedef struct Place {
  PyObject_HEAD sluice_context context;
} Place;

extern PyTypeObject* context_type;

/* Adds Context and the functions about the current one. 0, or -1 with an exception. */
int context_add_to(PyObject* module);

PyObject* context_new(const sluice_context* context);

/* Whether it is a Context or a Span. */
int is_place(PyObject* object);

/* What is current here, which begins the library: of the context variable, which each task and
 * thread has for itself, else what the library knows, of the environment or of C++ around. `place`
 * may be NULL; it is a new reference, None where the variable has nothing. */
sluice_context context_current(PyObject** place);
/* Makes it current. 0, or -1 with an exception. */
int context_set_current(PyObject* place);

#endif /* SLUICE_PYTHON_CONTEXT_H_ */
