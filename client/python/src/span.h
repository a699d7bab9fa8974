/* The class Span, and the calls that make spans and events. */
#ifndef SLUICE_PYTHON_SPAN_H_
#define SLUICE_PYTHON_SPAN_H_

#include <Python.h>

extern PyTypeObject* span_type;

/* Adds Span, span, event and current_span. 0, or -1 with an exception. */
int span_add_to(PyObject* module);

#endif /* SLUICE_PYTHON_SPAN_H_ */
