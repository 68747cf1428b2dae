/* JSON in UTF-8, gathered in memory and printed in one go. */
#pragma once
#include <windows.h>

void json_put(const char *as_it_is);
void json_text(const wchar_t *text, size_t length);
void json_number(ULONGLONG number);
/* As a text of hexadecimal digits. */
void json_bytes(const BYTE *bytes, size_t count);

/* Takes back what was put since. */
size_t json_mark(void);
void json_back(size_t mark);

/* To stdout. FALSE: GetLastError(). */
BOOL json_print(void);
