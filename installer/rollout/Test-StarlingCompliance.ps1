# Finds drift: what somebody or something has changed on a computer since Starling was installed. It changes nothing; Repair-Starling.ps1 mends what it finds.
# ConfigMgr: discovery script of a configuration item (data type String, rule: equals Compliant). Intune: detection script of a remediation; set $exitCodeOnDrift to 1 there.
$exitCodeOnDrift = 0
$wantedVersion = [version] '0.1.0'
# Settings that must be as they were given, by their names in HKLM\SOFTWARE\Starling\Environment; the same list stands in Repair-Starling.ps1.
$wantedSettings = @{}

# A 32-bit PowerShell sees another registry and other programs: this is done once more by the 64-bit one.
if ([Environment]::Is64BitOperatingSystem -and -not [Environment]::Is64BitProcess) {
    & "$env:SystemRoot\Sysnative\WindowsPowerShell\v1.0\powershell.exe" -NoProfile -NonInteractive -ExecutionPolicy Bypass -File $PSCommandPath
    exit $LASTEXITCODE
}

$drift = New-Object -TypeName 'System.Collections.Generic.List[string]'
$key = Get-ItemProperty -Path 'HKLM:\SOFTWARE\Starling' -ErrorAction SilentlyContinue
if ($null -eq $key -or -not $key.Version) {
    $drift.Add('not installed')
} else {
    if ([version] $key.Version -lt $wantedVersion) { $drift.Add("version $($key.Version)") }
    foreach ($file in @('node.exe', 'starling-service.exe')) {
        if (-not (Test-Path -LiteralPath (Join-Path -Path $key.InstallDir -ChildPath $file))) { $drift.Add("$file is missing") }
    }

    $service = Get-CimInstance -ClassName Win32_Service -Filter "Name = 'Starling'"
    if ($null -eq $service) {
        $drift.Add('the service is gone')
    } else {
        if ($service.StartMode -ne 'Auto') { $drift.Add("the service starts $($service.StartMode)") }
        if ($service.State -ne 'Running') { $drift.Add("the service is $($service.State)") }
        if ($service.StartName -ne 'NT SERVICE\Starling') { $drift.Add("the service runs as $($service.StartName)") }
    }

    # By their SIDs, which are the same in every language: SYSTEM, Administrators, the service.
    $allowed = @('S-1-5-18', 'S-1-5-32-544')
    try {
        $account = [System.Security.Principal.NTAccount]::new('NT SERVICE\Starling')
        $allowed += $account.Translate([System.Security.Principal.SecurityIdentifier]).Value
        $acl = Get-Acl -LiteralPath $key.DataDir -ErrorAction Stop
        foreach ($rule in $acl.GetAccessRules($true, $true, [System.Security.Principal.SecurityIdentifier])) {
            if ($rule.AccessControlType -eq 'Allow' -and $allowed -notcontains $rule.IdentityReference.Value) {
                $drift.Add("the data folder is open to $($rule.IdentityReference.Value)")
            }
        }
    } catch {
        $drift.Add("the data folder cannot be looked at ($($_.Exception.Message))")
    }

    # NOFIREWALL=1: somebody else opens the ports.
    if ([string] $key.NoFirewall -ne '1') {
        $node = Join-Path -Path $key.InstallDir -ChildPath 'node.exe'
        $rules = @(Get-NetFirewallApplicationFilter -Program $node -ErrorAction SilentlyContinue | Get-NetFirewallRule |
                Where-Object { $_.Direction -eq 'Inbound' -and $_.Enabled -eq 'True' -and $_.Action -eq 'Allow' })
        if ($rules.Count -lt 2) { $drift.Add('the firewall rules are gone or off') }
    }

    foreach ($name in $wantedSettings.Keys) {
        $settings = Get-ItemProperty -Path 'HKLM:\SOFTWARE\Starling\Environment' -Name $name -ErrorAction SilentlyContinue
        $value = $(if ($null -ne $settings) { [string] $settings.$name } else { '' })
        if ($value -ne $wantedSettings[$name]) { $drift.Add("$name is '$value'") }
    }
}

if ($drift.Count -eq 0) {
    Write-Output 'Compliant'
    exit 0
}
Write-Output ($drift -join '; ')
exit $exitCodeOnDrift
