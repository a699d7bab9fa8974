/* sluice._sluice: libsluice for Python. The package around it is client/python/sluice. */
#ifndef SLUICE_PYTHON_MODULE_H_
#define SLUICE_PYTHON_MODULE_H_

#include <Python.h>

/* What an interpreter calls that imports it. One interpreter of a process can have it. */
PyMODINIT_FUNC PyInit__sluice(void);

#endif /* SLUICE_PYTHON_MODULE_H_ */
