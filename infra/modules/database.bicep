// Azure SQL: logins of Entra ID only; reached through a private endpoint, or through its firewall.

@description('Base of every name.')
param name string
param location string
param workspaceId string

@description('Who may create tables and users: a group, so that people come and go without a deployment.')
param admin { name: string, objectId: string, type: 'Group' | 'User' | 'Application' }

@description('GP_S_… is serverless: it pauses after autoPauseMinutes without a query, -1: never.')
param sku { name: string, tier: string, family: string, capacity: int }
param autoPauseMinutes int
param zoneRedundant bool

@description('A point in time of so many days can be restored.')
@minValue(1)
@maxValue(35)
param restoreDays int

@description('Whether the copies of the backups are in a second region.')
param backupRedundancy 'Local' | 'Zone' | 'Geo'

@description('Empty: the firewall lets in what runs in Azure, and whoever else has a rule.')
param endpointsSubnetId string
param networkId string

var private = !empty(endpointsSubnetId)
var serverless = startsWith(sku.name, 'GP_S')

resource server 'Microsoft.Sql/servers@2023-08-01' = {
  name: name
  location: location
  properties: {
    minimalTlsVersion: '1.2'
    publicNetworkAccess: private ? 'Disabled' : 'Enabled'
    administrators: {
      administratorType: 'ActiveDirectory'
      azureADOnlyAuthentication: true
      login: admin.name
      sid: admin.objectId
      principalType: admin.type
      tenantId: tenant().tenantId
    }
  }

  // 0.0.0.0 stands for all of Azure, other subscriptions too: what they lack is a login. prod has a private endpoint.
  resource azure 'firewallRules' = if (!private) {
    name: 'AllowAllWindowsAzureIps'
    properties: { startIpAddress: '0.0.0.0', endIpAddress: '0.0.0.0' }
  }

  resource auditing 'auditingSettings' = {
    name: 'default'
    properties: { state: 'Enabled', isAzureMonitorTargetEnabled: true, retentionDays: 0 }
  }

  resource threats 'securityAlertPolicies' = {
    name: 'Default'
    properties: { state: 'Enabled', emailAccountAdmins: true }
  }
}

resource database 'Microsoft.Sql/servers/databases@2023-08-01' = {
  parent: server
  name: 'client-organizer'
  location: location
  sku: sku
  properties: {
    autoPauseDelay: serverless ? autoPauseMinutes : null
    minCapacity: serverless ? json('0.5') : null
    zoneRedundant: zoneRedundant
    requestedBackupStorageRedundancy: backupRedundancy
    // Upper and lower case as SQL Server's own default has it.
    collation: 'SQL_Latin1_General_CP1_CI_AS'
  }

  resource backups 'backupShortTermRetentionPolicies' = {
    name: 'default'
    properties: { retentionDays: restoreDays, diffBackupIntervalInHours: 12 }
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: database
  properties: {
    workspaceId: workspaceId
    logs: [
      { category: 'SQLSecurityAuditEvents', enabled: true }
      { category: 'Errors', enabled: true }
      { category: 'Timeouts', enabled: true }
      { category: 'Blocks', enabled: true }
      { category: 'Deadlocks', enabled: true }
    ]
    metrics: [{ category: 'Basic', enabled: true }]
  }
}

// The auditing of a server is written by its database master.
resource master 'Microsoft.Sql/servers/databases@2023-08-01' existing = {
  parent: server
  name: 'master'
}

resource auditLog 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: master
  properties: { workspaceId: workspaceId, logs: [{ category: 'SQLSecurityAuditEvents', enabled: true }] }
  dependsOn: [server::auditing]
}

resource endpoint 'Microsoft.Network/privateEndpoints@2024-05-01' = if (private) {
  name: '${name}-endpoint'
  location: location
  properties: {
    subnet: { id: endpointsSubnetId }
    privateLinkServiceConnections: [
      { name: 'database', properties: { privateLinkServiceId: server.id, groupIds: ['sqlServer'] } }
    ]
  }

  resource names 'privateDnsZoneGroups' = {
    name: 'default'
    properties: { privateDnsZoneConfigs: [{ name: 'database', properties: { privateDnsZoneId: zone.id } }] }
  }
}

resource zone 'Microsoft.Network/privateDnsZones@2024-06-01' = if (private) {
  name: 'privatelink${environment().suffixes.sqlServerHostname}'
  location: 'global'

  resource link 'virtualNetworkLinks' = {
    name: 'app'
    location: 'global'
    properties: { registrationEnabled: false, virtualNetwork: { id: networkId } }
  }
}

output server string = server.properties.fullyQualifiedDomainName
output serverName string = server.name
output database string = database.name
