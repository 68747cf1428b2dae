<#
.SYNOPSIS
Does on a real Windows what docs/DEPLOY.md lists as not yet verified there, and prints pass, FAIL or skip for each point.
.DESCRIPTION
Run it as administrator on a test computer where the Starling agent is installed, best with a second one in the same subnet. It stops and starts the service, ends its process once, and
sets and removes values below HKLM\SOFTWARE\Policies\Starling; what was there is put back. With -Msi it installs the package first, with -Uninstall it takes it away in the end
and looks at what is left. Exit code: the number of points that failed.
.PARAMETER Msi
A package to install first, with its log examined.
.PARAMETER Ticket
The ticket for that installation: it must not be found in the log.
.PARAMETER ExpectPeers
Another agent is in this subnet and must be found.
.PARAMETER Uninstall
Uninstall in the end.
.EXAMPLE
.\Test-StarlingOnWindows.ps1 -ExpectPeers
.EXAMPLE
.\Test-StarlingOnWindows.ps1 -Msi .\starling-0.1.0-x64.msi -Ticket (Get-Content .\ticket.txt) -Uninstall
#>
[CmdletBinding()]
param(
    [string] $Msi,
    [string] $Ticket,
    [switch] $ExpectPeers,
    [switch] $Uninstall
)
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
if ([Environment]::Is64BitOperatingSystem -and -not [Environment]::Is64BitProcess) {
    throw "This is the 32-bit PowerShell: run it with $env:SystemRoot\Sysnative\WindowsPowerShell\v1.0\powershell.exe."
}
$script:failed = 0
$policyKey = 'HKLM:\SOFTWARE\Policies\Starling'

# Runs one point. It passes unless it throws; a text that begins with "skip:" means that this computer cannot show it.
function Test-Point {
    param([string] $Name, [scriptblock] $Check)
    $result = 'pass'
    $detail = ''
    try {
        $detail = [string] (& $Check | Select-Object -Last 1)
        if ($detail.StartsWith('skip:')) { $result = 'skip' }
    } catch {
        $result = 'FAIL'
        $detail = $_.Exception.Message
        $script:failed++
    }
    Write-Output ('{0,-4}  {1,-62} {2}' -f $result, $Name, $detail)
}

function Assert-That {
    param([bool] $Condition, [string] $Otherwise)
    if (-not $Condition) { throw $Otherwise }
}

# Asks until it is so. Seconds, because a program starts, or is told by another one.
function Wait-Until {
    param([scriptblock] $Condition, [int] $Seconds, [string] $Otherwise)
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    while ($watch.Elapsed.TotalSeconds -lt $Seconds) {
        try { if (& $Condition) { return [math]::Round($watch.Elapsed.TotalSeconds, 1) } } catch { Write-Verbose -Message $_.Exception.Message }
        Start-Sleep -Milliseconds 250
    }
    throw "$Otherwise (waited $Seconds s)"
}

function Invoke-Msiexec {
    param([string[]] $Arguments)
    $process = Start-Process -FilePath "$env:SystemRoot\System32\msiexec.exe" -ArgumentList $Arguments -Wait -PassThru
    return $process.ExitCode
}

function Get-AgentProcess {
    $children = Get-CimInstance -ClassName Win32_Process -Filter "Name = 'node.exe'"
    $service = Get-CimInstance -ClassName Win32_Service -Filter "Name = 'Starling'"
    return ($children | Where-Object -Property ParentProcessId -EQ -Value $service.ProcessId | Select-Object -First 1)
}

# As the agent finds it (DOModifyCacheDrive): by Group Policy, by the setting, or in the data folder.
function Get-CacheFolder {
    foreach ($place in @(@($policyKey, 'DOModifyCacheDrive'), @('HKLM:\SOFTWARE\Starling\Environment', 'STARLING_POLICY_DO_MODIFY_CACHE_DRIVE'))) {
        $values = Get-ItemProperty -Path $place[0] -Name $place[1] -ErrorAction SilentlyContinue
        if ($null -eq $values) { continue }
        $folder = [Environment]::ExpandEnvironmentVariables($values.($place[1]))
        if ($folder -match '^([A-Za-z]):?\\?$') { return "$($Matches[1]):\Starling" }
        return $folder
    }
    return $product.DataDir
}

$log = Join-Path -Path $env:TEMP -ChildPath 'starling-test-msi.log'
if ($Msi) {
    $package = (Resolve-Path -LiteralPath $Msi).ProviderPath
    Test-Point -Name 'the package installs' -Check {
        $arguments = @('/i', "`"$package`"", '/qn', '/norestart', '/l*v', "`"$log`"")
        if ($Ticket) { $arguments += "TICKET=`"$Ticket`"" }
        $watch = [System.Diagnostics.Stopwatch]::StartNew()
        $code = Invoke-Msiexec -Arguments $arguments
        Assert-That -Condition ($code -eq 0 -or $code -eq 3010) -Otherwise "msiexec ended with $code, see $log"
        'in {0:N1} s' -f $watch.Elapsed.TotalSeconds
    }
    Test-Point -Name 'the ticket is in no log' -Check {
        if (-not $Ticket) { return 'skip: no -Ticket' }
        $hits = @(Select-String -LiteralPath $log -Pattern 'STARLING1-' -SimpleMatch)
        Assert-That -Condition ($hits.Count -eq 0) -Otherwise "$($hits.Count) lines of $log show it"
    }
    Test-Point -Name 'the package repairs' -Check {
        $code = Invoke-Msiexec -Arguments @('/fomus', "`"$package`"", '/qn', '/norestart')
        Assert-That -Condition ($code -eq 0 -or $code -eq 3010) -Otherwise "msiexec ended with $code"
    }
}

$product = Get-ItemProperty -Path 'HKLM:\SOFTWARE\Starling' -ErrorAction SilentlyContinue
if ($null -eq $product) {
    Write-Output 'FAIL  Starling is not installed: give -Msi, or install it first'
    exit 1
}
Import-Module -Name Starling -Force
$serviceHost = Join-Path -Path $product.InstallDir -ChildPath 'starling-service.exe'
$node = Join-Path -Path $product.InstallDir -ChildPath 'node.exe'
$starling = Join-Path -Path $product.InstallDir -ChildPath 'starling.cmd'

# --- What is installed -------------------------------------------------------------------------------------------
Test-Point -Name 'node.exe has the signature of its makers' -Check {
    $signature = Get-AuthenticodeSignature -LiteralPath $node
    Assert-That -Condition ($signature.Status -eq 'Valid') -Otherwise "$($signature.Status): $($signature.StatusMessage)"
    $signature.SignerCertificate.Subject
}
Test-Point -Name 'the service runs as its own account, with its SID' -Check {
    $service = Get-CimInstance -ClassName Win32_Service -Filter "Name = 'Starling'"
    Assert-That -Condition ($service.StartName -eq 'NT SERVICE\Starling') -Otherwise "it runs as $($service.StartName)"
    $told = (& "$env:SystemRoot\System32\sc.exe" qsidtype Starling) -join ' '
    Assert-That -Condition ($told -match 'UNRESTRICTED|RESTRICTED') -Otherwise $told
}
Test-Point -Name 'the path of the service is quoted' -Check {
    $path = (Get-CimInstance -ClassName Win32_Service -Filter "Name = 'Starling'").PathName
    Assert-That -Condition ($path.StartsWith('"')) -Otherwise $path
}
Test-Point -Name 'the service starts delayed and is started again after failures' -Check {
    $key = Get-ItemProperty -Path 'HKLM:\SYSTEM\CurrentControlSet\Services\Starling'
    Assert-That -Condition ($key.Start -eq 2) -Otherwise "Start is $($key.Start)"
    Assert-That -Condition ($null -ne $key.FailureActions) -Otherwise 'no failure actions'
}
Test-Point -Name 'other users cannot read the data folder' -Check {
    $open = @((Get-Acl -LiteralPath $product.DataDir).Access |
            Where-Object { $_.AccessControlType -eq 'Allow' } |
            ForEach-Object { $_.IdentityReference.Translate([System.Security.Principal.SecurityIdentifier]).Value } |
            Where-Object { $_ -ne 'S-1-5-18' -and $_ -ne 'S-1-5-32-544' -and $_ -notlike 'S-1-5-80-*' })
    Assert-That -Condition ($open.Count -eq 0) -Otherwise "open to $($open -join ', ')"
}
Test-Point -Name 'the firewall lets the local subnet in, on domain and private' -Check {
    if ($product.PSObject.Properties['NoFirewall'] -and $product.NoFirewall -eq '1') { return 'skip: installed with NOFIREWALL=1' }
    $rules = @(Get-NetFirewallApplicationFilter -Program $node | Get-NetFirewallRule | Where-Object -Property Direction -EQ -Value 'Inbound')
    Assert-That -Condition ($rules.Count -ge 2) -Otherwise "$($rules.Count) inbound rules for $node"
    foreach ($rule in $rules) {
        Assert-That -Condition ([string] $rule.Profile -notmatch 'Public|Any') -Otherwise "$($rule.DisplayName) holds on $($rule.Profile)"
        $from = ($rule | Get-NetFirewallAddressFilter).RemoteAddress
        Assert-That -Condition ("$from" -eq 'LocalSubnet') -Otherwise "$($rule.DisplayName) lets $from in"
    }
}
Test-Point -Name 'the event log has texts and not numbers' -Check {
    $entries = @(Get-WinEvent -FilterHashtable @{ LogName = 'Application'; ProviderName = 'Starling' } -MaxEvents 5 -ErrorAction Stop)
    $empty = @($entries | Where-Object { [string]::IsNullOrWhiteSpace($_.Message) })
    Assert-That -Condition ($empty.Count -eq 0) -Otherwise "$($empty.Count) of $($entries.Count) have no text"
    $entries[0].Message.Split("`n")[0]
}

# --- What it does ------------------------------------------------------------------------------------------------
Test-Point -Name 'nothing is bad (Test-Starling)' -Check {
    $bad = @(Test-Starling | Where-Object -Property State -EQ -Value 'bad')
    Assert-That -Condition ($bad.Count -eq 0) -Otherwise (($bad | ForEach-Object { "$($_.Name): $($_.Text)" }) -join '; ')
}
Test-Point -Name 'the service stops within 20 s, and what it keeps is whole' -Check {
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    Stop-Service -Name Starling
    $seconds = $watch.Elapsed.TotalSeconds
    Start-Service -Name Starling
    Wait-Until -Seconds 60 -Otherwise 'it does not answer' -Condition { $null -ne (Get-StarlingPerfSnap) } | Out-Null
    $verified = (& $starling cache verify) -join ' '
    Assert-That -Condition ($LASTEXITCODE -eq 0) -Otherwise $verified
    Assert-That -Condition ($seconds -lt 20) -Otherwise "it took $seconds s"
    'in {0:N1} s' -f $seconds
}
Test-Point -Name 'a data folder that is open to others keeps it from starting' -Check {
    Stop-Service -Name Starling
    & "$env:SystemRoot\System32\icacls.exe" $product.DataDir /grant '*S-1-5-32-545:(OI)(CI)M' /q | Out-Null
    try {
        try { Start-Service -Name Starling } catch { Write-Verbose -Message $_.Exception.Message }
        $told = Get-CimInstance -ClassName Win32_Service -Filter "Name = 'Starling'"
        Assert-That -Condition ($told.State -eq 'Stopped' -and $told.ServiceSpecificExitCode -eq 73) -Otherwise "$($told.State), code $($told.ServiceSpecificExitCode)"
    } finally {
        & $serviceHost configure
        $configured = $LASTEXITCODE
        Start-Service -Name Starling
    }
    Assert-That -Condition ($configured -eq 0) -Otherwise "configure ended with $configured"
    $open = @(Get-ChildItem -LiteralPath $product.DataDir -Recurse -Force | Get-Acl | Where-Object -Property Sddl -Match -Value ';BU\)')
    Assert-That -Condition ($open.Count -eq 0) -Otherwise "$($open.Count) things in it are open still"
}
Test-Point -Name 'from start to serving it takes less than 2 s' -Check {
    Stop-Service -Name Starling
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    Start-Service -Name Starling
    Wait-Until -Seconds 60 -Otherwise 'it does not answer' -Condition { $null -ne (Get-StarlingPerfSnap) } | Out-Null
    Assert-That -Condition ($watch.Elapsed.TotalSeconds -lt 2) -Otherwise ('it took {0:N1} s' -f $watch.Elapsed.TotalSeconds)
    '{0:N1} s' -f $watch.Elapsed.TotalSeconds
}
Test-Point -Name 'an agent that ends is started again' -Check {
    $before = Get-AgentProcess
    Assert-That -Condition ($null -ne $before) -Otherwise 'no node.exe below the service'
    Stop-Process -Id $before.ProcessId -Force
    $seconds = Wait-Until -Seconds 60 -Otherwise 'it did not come back' -Condition {
        $now = Get-AgentProcess
        $null -ne $now -and $now.ProcessId -ne $before.ProcessId -and $null -ne (Get-StarlingPerfSnap)
    }
    "after $seconds s"
}
Test-Point -Name 'at rest it takes less than 90 MiB of its own' -Check {
    Start-Sleep -Seconds 30
    # Its own memory, without the image of node.exe, as docs/DEPLOY.md counts it.
    $figures = Get-CimInstance -ClassName Win32_PerfFormattedData_PerfProc_Process -Filter "IDProcess = $((Get-AgentProcess).ProcessId)"
    $mebibytes = [math]::Round($figures.WorkingSetPrivate / 1048576)
    Assert-That -Condition ($mebibytes -lt 90) -Otherwise "$mebibytes MiB"
    "$mebibytes MiB"
}
Test-Point -Name 'Group Policy arrives without a restart, umlauts whole' -Check {
    # ASCII here; 252 is a u with two dots.
    $word = 'T' + [char] 252 + 'v-VPN'
    $wasThere = Test-Path -Path $policyKey
    if (-not $wasThere) { New-Item -Path $policyKey -Force | Out-Null }
    $was = Get-ItemProperty -Path $policyKey -Name 'DOVpnKeywords' -ErrorAction SilentlyContinue
    try {
        New-ItemProperty -Path $policyKey -Name 'DOVpnKeywords' -PropertyType MultiString -Value @('VPN', $word) -Force | Out-Null
        $seconds = Wait-Until -Seconds 15 -Otherwise 'Get-StarlingPolicy does not show it' -Condition {
            $policy = Get-StarlingPolicy -Name DOVpnKeywords
            $null -ne $policy -and $policy.Source -eq 'registry' -and @($policy.Value) -contains $word
        }
        "after $seconds s"
    } finally {
        if ($null -eq $was) { Remove-ItemProperty -Path $policyKey -Name 'DOVpnKeywords' }
        else { Set-ItemProperty -Path $policyKey -Name 'DOVpnKeywords' -Value $was.DOVpnKeywords }
        if (-not $wasThere) { Remove-Item -Path $policyKey }
    }
}
Test-Point -Name 'the machine is known: AD site' -Check {
    # With "Stop" a line of stderr would end this.
    $ErrorActionPreference = 'Continue'
    $told = (& "$env:SystemRoot\System32\nltest.exe" /dsgetsite 2>$null) -join "`n"
    if ($LASTEXITCODE -ne 0) { return 'skip: this computer is in no domain' }
    $site = $told.Split("`n")[0].Trim()
    $shown = (& $starling policy show) -join "`n"
    Assert-That -Condition ($shown -match [regex]::Escape("AD site: $site")) -Otherwise "nltest says $site, starling policy show does not"
    $site
}
Test-Point -Name 'agents of the subnet find each other' -Check {
    if (-not $ExpectPeers) { return 'skip: no -ExpectPeers' }
    $seconds = Wait-Until -Seconds 120 -Otherwise 'no peer came' -Condition { @(Get-StarlingPeer).Count -gt 0 }
    "after $seconds s"
}
Test-Point -Name 'the proxy passes a download on' -Check {
    $address = (Get-Content -LiteralPath (Join-Path -Path $product.DataDir -ChildPath 'agent.json') -Raw | ConvertFrom-Json).proxy
    $request = [System.Net.WebRequest]::Create('http://www.msftconnecttest.com/connecttest.txt')
    $request.Proxy = [System.Net.WebProxy]::new($address)
    $response = $request.GetResponse()
    try { 'status {0}' -f [int] $response.StatusCode } finally { $response.Dispose() }
}
Test-Point -Name "Microsoft's own test of a cache host answers" -Check {
    $url = 'http://127.0.0.1/mscomtest/wuidt.gif?cacheHostOrigin=au.download.windowsupdate.com'
    try { $client = [System.Net.Sockets.TcpClient]::new('127.0.0.1', 80) } catch { return 'skip: no cache host on port 80 (cacheHostEnabled)' }
    $client.Dispose()
    $request = [System.Net.WebRequest]::Create($url)
    $request.Proxy = $null
    $response = $request.GetResponse()
    try {
        Assert-That -Condition ($response.ContentLength -eq 969710) -Otherwise "it has $($response.ContentLength) bytes"
    } finally {
        $response.Dispose()
    }
}
Test-Point -Name 'Delivery Optimization takes bytes from it' -Check {
    $from = @(Get-DeliveryOptimizationStatus | Where-Object { $_.BytesFromCacheServer -gt 0 })
    if ($from.Count -eq 0) { return 'skip: no download of Windows has used a cache host yet (DOCacheHost=127.0.0.1, then look for updates)' }
    "$($from.Count) contents"
}

# --- What is left ------------------------------------------------------------------------------------------------
if ($Uninstall) {
    Test-Point -Name 'it uninstalls, and the cache stays' -Check {
        $content = Join-Path -Path (Get-CacheFolder) -ChildPath 'content'
        Assert-That -Condition (Test-Path -LiteralPath $content) -Otherwise "$content is not there, so nothing can be seen of it: is the cache elsewhere?"
        $entry = Get-ItemProperty -Path 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\{*}' |
            Where-Object { $_.PSObject.Properties['DisplayName'] -and $_.DisplayName -eq 'Starling Agent' } |
            Select-Object -First 1
        $code = Invoke-Msiexec -Arguments @('/x', $entry.PSChildName, '/qn', '/norestart')
        Assert-That -Condition ($code -eq 0 -or $code -eq 3010) -Otherwise "msiexec ended with $code"
        Assert-That -Condition ($null -eq (Get-Service -Name Starling -ErrorAction SilentlyContinue)) -Otherwise 'the service is still there'
        Assert-That -Condition (-not (Test-Path -LiteralPath $serviceHost)) -Otherwise "$serviceHost is still there"
        $rules = @(Get-NetFirewallApplicationFilter -Program $node -ErrorAction SilentlyContinue)
        Assert-That -Condition ($rules.Count -eq 0) -Otherwise 'its firewall rules are still there'
        Assert-That -Condition (Test-Path -LiteralPath $content) -Otherwise "$content is gone"
        Assert-That -Condition (-not (Test-Path -LiteralPath (Join-Path -Path $product.DataDir -ChildPath 'identity.key'))) -Otherwise 'its key is still there'
        $content
    }
}
Write-Output "$script:failed failed"
exit $script:failed
