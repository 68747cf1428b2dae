/*
 * A key and all below it as JSON in UTF-8, from the view of 64 bits:
 *
 *   [{"path":"HKEY_LOCAL_MACHINE\\SOFTWARE\\...","values":[{"name":"a","type":"REG_SZ","data":"text"}]}]
 *
 * `HKU\*\SOFTWARE\...` is that key of each user who is signed in, in one list.
 * REG_SZ and REG_EXPAND_SZ are texts (not expanded), REG_DWORD and REG_QWORD numbers, REG_MULTI_SZ is a list, everything else
 * hexadecimal digits.
 */
#pragma once
#include <windows.h>

/* As JSON, for what is printed later. @returns why not: then nothing was put. */
LSTATUS registry_put(const wchar_t *path);

/* Prints a list with a value for each path: its keys, or the number of Windows' error (2: there is no such key, 5: access denied). */
int registry(wchar_t **paths, int count);
