/* A handler for the memory of numpy's arrays (NEP 49): large ones go where there is an offer.

   Everything else, and zeroed memory, which the system gives lazily, is numpy's own business. */
#define NPY_NO_DEPRECATED_API NPY_1_22_API_VERSION
#define NPY_TARGET_VERSION NPY_1_22_API_VERSION
#include <Python.h>
#include <numpy/arrayobject.h>
#include <stdint.h>
#include <string.h>

#define ONEBOX_OFFERS 16
#define ONEBOX_ALIGNMENT ((uintptr_t) 1 << 21)

typedef struct {
    char *address; /* NULL: there is none */
    size_t capacity;
    int taken;
} OneboxOffer;

static OneboxOffer onebox_offers[ONEBOX_OFFERS];
static size_t onebox_smallest = SIZE_MAX; /* of what takes an offer */
static PyDataMemAllocator *onebox_plain;  /* numpy's own */

static OneboxOffer *onebox_find(const void *address) {
    int i;
    if (address == NULL || (uintptr_t) address % ONEBOX_ALIGNMENT)
        return NULL;
    for (i = 0; i < ONEBOX_OFFERS; i++)
        if (onebox_offers[i].address == address)
            return &onebox_offers[i];
    return NULL;
}

/* No more than twice what is wanted, so that little of what travels is empty. */
static void *onebox_malloc(void *context, size_t size) {
    void *found = NULL;
    (void) context;
    if (size >= onebox_smallest) {
        PyGILState_STATE held = PyGILState_Ensure(); /* numpy does not promise it */
        int i;
        for (i = 0; i < ONEBOX_OFFERS && found == NULL; i++) {
            OneboxOffer *one = &onebox_offers[i];
            if (one->address && !one->taken && size <= one->capacity && size >= one->capacity / 2) {
                one->taken = 1;
                found = one->address;
            }
        }
        PyGILState_Release(held);
    }
    return found ? found : onebox_plain->malloc(onebox_plain->ctx, size);
}

static void *onebox_calloc(void *context, size_t count, size_t size) {
    (void) context;
    return onebox_plain->calloc(onebox_plain->ctx, count, size);
}

static void onebox_free(void *context, void *address, size_t size) {
    OneboxOffer *one = onebox_find(address);
    (void) context;
    if (one)
        one->taken = 0;
    else
        onebox_plain->free(onebox_plain->ctx, address, size);
}

static void *onebox_realloc(void *context, void *address, size_t size) {
    OneboxOffer *one = onebox_find(address);
    void *moved;
    (void) context;
    if (!one)
        return onebox_plain->realloc(onebox_plain->ctx, address, size);
    if (size <= one->capacity)
        return address;
    moved = onebox_plain->malloc(onebox_plain->ctx, size);
    if (moved) {
        memcpy(moved, address, one->capacity);
        one->taken = 0;
    }
    return moved;
}

static PyDataMem_Handler onebox_handler = {
    "onebox_placement",
    1,
    {NULL, onebox_malloc, onebox_calloc, onebox_realloc, onebox_free},
};

/* The handler counts for this thread's context. -1 with an exception set when numpy refuses. */
static int onebox_install(void) {
    PyObject *capsule, *before;
    PyDataMem_Handler *plain;
    if (_import_array() < 0)
        return -1;
    plain = (PyDataMem_Handler *) PyCapsule_GetPointer(PyDataMem_DefaultHandler, "mem_handler");
    if (plain == NULL)
        return -1;
    onebox_plain = &plain->allocator;
    capsule = PyCapsule_New(&onebox_handler, "mem_handler", NULL);
    if (capsule == NULL)
        return -1;
    before = PyDataMem_SetHandler(capsule);
    Py_DECREF(capsule);
    Py_XDECREF(before);
    return before ? 0 : -1;
}

static void onebox_measure(void) {
    int i;
    onebox_smallest = SIZE_MAX;
    for (i = 0; i < ONEBOX_OFFERS; i++)
        if (onebox_offers[i].address && onebox_offers[i].capacity / 2 < onebox_smallest)
            onebox_smallest = onebox_offers[i].capacity / 2;
}

static int onebox_offer(uintptr_t address, size_t capacity) {
    int i;
    for (i = 0; i < ONEBOX_OFFERS; i++)
        if (onebox_offers[i].address == NULL) {
            onebox_offers[i].address = (char *) address;
            onebox_offers[i].capacity = capacity;
            onebox_offers[i].taken = 0;
            onebox_measure();
            return 1;
        }
    return 0;
}

static int onebox_withdraw(uintptr_t address) {
    OneboxOffer *one = onebox_find((void *) address);
    if (one == NULL || one->taken)
        return 0;
    one->address = NULL;
    onebox_measure();
    return 1;
}
