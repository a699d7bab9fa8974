/* Python's values as attributes of a record. */
#ifndef SLUICE_PYTHON_ATTRIBUTES_H_
#define SLUICE_PYTHON_ATTRIBUTES_H_

#include <Python.h>

#include "sluice/sluice.h"

/* One more than a record takes, so that the library counts what was too much. */
#define ATTRIBUTES_MOST 129

/* Texts stand in the objects that they were made from, which the caller keeps, or in `kept`. */
typedef struct Attributes {
  size_t count;
  PyObject* kept; /* a list, or NULL; owned */
  sluice_attribute items[ATTRIBUTES_MOST];
} Attributes;

void attributes_begin(Attributes* attributes);
void attributes_end(Attributes* attributes);

/* Adds one. No value makes it fail: None is none, and what has no text says its type. With an
 * object of no type of its own the text is made only where the record is wanted. */
void attributes_add(Attributes* attributes, PyObject* key, PyObject* value);
/* Adds all of a mapping or of None. 0, or -1 and TypeError where it is neither. */
int attributes_add_all(Attributes* attributes, PyObject* mapping);

/* The UTF-8 of a str, which is kept with the attributes where it is not the str's own. A lone
 * surrogate is written as \udcff. */
sluice_text attributes_text(Attributes* attributes, PyObject* text);
/* Likewise of any object, by str(). */
sluice_text attributes_text_of(Attributes* attributes, PyObject* object);

#endif /* SLUICE_PYTHON_ATTRIBUTES_H_ */
