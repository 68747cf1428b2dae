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

/* The same of what a folder with those rights hands on. */
PSECURITY_DESCRIPTOR rights_below(const wchar_t *service, BOOL is_folder);

/* Of what the service may see in its folder and not remove. */
PSECURITY_DESCRIPTOR rights_of_pin(const wchar_t *service);

/* Of folders above ours, which users may pass and read. */
PSECURITY_DESCRIPTOR rights_of_parent(void);

/*
 * Gives an open folder or file these rights, and their owner if they name one. What is in a folder keeps what it has: Windows' own way down
 * (SetSecurityInfo) goes to files that others have linked there too, and lasts with a million of them. Gives an error of Windows' back.
 */
DWORD rights_set(HANDLE object, PSECURITY_DESCRIPTOR rights);

/* Whether it has them already. */
BOOL rights_are(HANDLE object, PSECURITY_DESCRIPTOR rights);

/* Take ownership and write what rights forbid; without effect for who is no administrator. */
void rights_take_privileges(void);
