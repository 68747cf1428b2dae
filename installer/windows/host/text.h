/* Wide text that is made here and freed by whoever asked for it. Without memory the program ends: there is nothing to save. */
#pragma once
#include <windows.h>
#include <stdarg.h>
#include <wchar.h>

void *memory(size_t bytes);

/* As printf; wide texts are %ls. */
wchar_t *text_format(const wchar_t *format, ...);
wchar_t *text_format_list(const wchar_t *format, va_list values);

/* UTF-8 with a zero behind it. */
char *text_utf8(const wchar_t *text, size_t length, size_t *bytes);

/* Bytes of UTF-8 as wide text. */
wchar_t *text_wide(const char *utf8, size_t bytes);

/* With the values of %NAME%. */
wchar_t *text_expand(const wchar_t *text);

BOOL text_is(const wchar_t *one, const wchar_t *other);

/* The next of texts that are parted by |, which become zeros in `rest`; NULL: there is none any more. */
wchar_t *text_part(wchar_t **rest);
