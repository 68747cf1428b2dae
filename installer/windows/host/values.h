/* Values of HKEY_LOCAL_MACHINE, in the view of 64 bits. */
#pragma once
#include <windows.h>

/* As text, expanded where the type asks for it; a number in decimal, a list joined by commas. NULL: none, or of another type, or a number cut short. */
wchar_t *value_read(HKEY key, const wchar_t *name);

/* The same below HKEY_LOCAL_MACHINE. */
wchar_t *value_read_at(const wchar_t *path, const wchar_t *name);

/* The value at `index` with its name in `name` (value_name_max letters); FALSE: there is none any more. */
enum { value_name_max = 16384 };
BOOL value_at(HKEY key, DWORD index, wchar_t *name);
