/*
 * Who may do what with our folders and files: SYSTEM and Administrators everything, the service change, nobody else anything.
 * Nothing is inherited from above.
 */
#pragma once
#include <windows.h>
#include <aclapi.h>

/* Of NT SERVICE\<name>, which exists before the service does: Windows works it out of the name. NULL: GetLastError(). */
wchar_t *rights_service_sid(const wchar_t *service);

/* With LocalFree. NULL: GetLastError(). */
PSECURITY_DESCRIPTOR rights_of(const wchar_t *service);

/* Gives an open folder or file these rights and the owner Administrators. Gives an error of Windows' back. */
DWORD rights_set(HANDLE object, PSECURITY_DESCRIPTOR rights);

/* Take ownership and write what rights forbid; without effect for who is no administrator. */
void rights_take_privileges(void);
