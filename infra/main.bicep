// Everything that the app needs in Azure, in one resource group. README.md beside this file goes through it step by step.

@description('Base of every name: a lower case letter, then 2 to 10 of them or digits.')
@minLength(3)
@maxLength(11)
param name string

param location string = resourceGroup().location

// --- the bus ---

@allowed(['Standard', 'Premium'])
param busSku string = 'Standard'

@description('The queue that SendEmail reads; also the setting EmailQueueName.')
param emailQueueName string = 'client-emails'

@description('Minutes for which the queue remembers MessageIds; 0 turns duplicate detection off. That cannot be changed once the queue exists.')
@minValue(0)
@maxValue(10080)
param duplicateWindowMinutes int = 10

@description('Days for which a message may wait in the queue.')
@minValue(1)
@maxValue(3650)
param queueLifeDays int = 14

@description('Further topics that settings Routes__… name, with their subscriptions.')
param topics { name: string, subscriptions: string[] }[] = []

@description('Data Owner on the queue in place of Data Receiver: Azure scales SendEmail by the queue\'s length, and doctor reads the queue\'s settings.')
param scaleByQueueLength bool = false

// --- the database ---

@description('The Entra ID group (or user, or application) that administers the database: it makes tables and users.')
param sqlAdmin { name: string, objectId: string, type: 'Group' | 'User' | 'Application' }
param sqlSku { name: string, tier: string, family: string, capacity: int } = {
  name: 'GP_S_Gen5'
  tier: 'GeneralPurpose'
  family: 'Gen5'
  capacity: 1
}

@description('Minutes without a query after which a serverless database pauses; -1: never. The timers query it unless the setting Store__IdleMs lets them rest.')
param sqlAutoPauseMinutes int = -1
param sqlRestoreDays int = 7
param sqlBackupRedundancy 'Local' | 'Zone' | 'Geo' = 'Local'

// --- the network ---

@description('The database has an address in a network of its own and none on the internet.')
param privateNetwork bool = false

@description('A /24 that no peered network uses.')
param addressPrefix string = '10.71.7.0/24'

// --- mail ---

@description('acs: Communication Services, made here. smtp: a server that the parameter settings names (Email__Smtp…).')
param mailProvider 'acs' | 'smtp' = 'acs'

@description('The office\'s domain. Empty: one that Azure manages, for trying things.')
param mailDomain string = ''

@description('Set to true once the records of the output mailRecords are in the DNS and Azure has verified them.')
param mailDomainVerified bool = false

@description('The part before the @. Azure takes another one than donotreply only once it has raised the domain\'s sending limits.')
param mailSender string = 'donotreply'

@description('The name that signs the mails.')
param mailName string

@description('Where Communication Services store data.')
param mailDataLocation string = 'Europe'

// --- settings and secrets ---

@description('Further settings by name (src/config/README.md); they override those below. Not for secrets.')
param settings object = {}

@description('Settings whose values are in the vault, for example Email__SmtpPassword, beside Inbox__RecipientKey.')
param secretSettings string[] = []

@description('Values of secret settings by name: when they are new, or replaced. Without one the vault keeps what it has.')
@secure()
param secretValues object = {}

// --- who is told, and what it may cost ---

@description('Addresses that alerts and the budget write to.')
param alertEmails string[]

@description('Ids of further action groups (telephone, chat).')
param alertActionGroups string[] = []
param logRetentionDays int = 30

@description('For a month, in the subscription\'s currency; 0, or nobody in alertEmails: no budget.')
param budgetAmount int = 0

@description('yyyy-mm-01: the month in which the budget is created. Azure refuses another one later.')
param budgetStart string = ''

// --- the app ---

@description('App, database and storage in several zones, where the region has them. Always-ready instances must then be two at least.')
param zoneRedundant bool = false

@description('Instances that always run for HTTP: each is paid for by the hour.')
param alwaysReadyHttp int = 0

@description('HTTP requests that one instance serves at a time.')
@minValue(1)
@maxValue(1000)
param httpConcurrency int = 32

@allowed([512, 2048, 4096])
param instanceMemoryMB int = 512

@description('The least that Azure takes is 40; every instance opens connections to one database.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 40

var unique = uniqueString(resourceGroup().id)

module identity 'modules/identity.bicep' = {
  name: '${name}-identity'
  params: { name: '${name}-identity', location: location }
}

module logs 'modules/logs.bicep' = {
  name: '${name}-logs'
  params: { name: name, location: location, retentionDays: logRetentionDays }
}

module alerts 'modules/alerts.bicep' = {
  name: '${name}-alerts'
  params: {
    name: name
    location: location
    insightsId: logs.outputs.insightsId
    emails: alertEmails
    furtherGroups: alertActionGroups
  }
}

module budget 'modules/budget.bicep' = if (budgetAmount > 0 && !empty(alertEmails)) {
  name: '${name}-budget'
  params: { name: '${name}-budget', amount: budgetAmount, start: budgetStart, emails: alertEmails }
}

// Who runs `migrate` and `ops` in the network (handler.sh): a person makes it a member of the database's administrators.
module jobs 'modules/identity.bicep' = if (privateNetwork) {
  name: '${name}-jobs'
  params: { name: '${name}-jobs', location: location }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  name: '${name}-network'
  params: { name: name, location: location, addressPrefix: addressPrefix }
}

module storage 'modules/storage.bicep' = {
  name: '${name}-storage'
  params: {
    name: '${name}${unique}'
    location: location
    sku: zoneRedundant ? 'Standard_ZRS' : 'Standard_LRS'
    principalId: identity.outputs.principalId
    jobsPrincipalId: jobs.?outputs.principalId ?? ''
    hasJobs: privateNetwork
    workspaceId: logs.outputs.workspaceId
  }
}

module bus 'modules/bus.bicep' = {
  name: '${name}-bus'
  params: {
    name: '${name}-${unique}'
    location: location
    sku: busSku
    principalId: identity.outputs.principalId
    workspaceId: logs.outputs.workspaceId
    emailQueueName: emailQueueName
    duplicateWindowMinutes: duplicateWindowMinutes
    queueLifeDays: queueLifeDays
    topics: topics
    scaleByQueueLength: scaleByQueueLength
  }
}

module database 'modules/database.bicep' = {
  name: '${name}-database'
  params: {
    name: '${name}-${unique}'
    location: location
    workspaceId: logs.outputs.workspaceId
    admin: sqlAdmin
    sku: sqlSku
    autoPauseMinutes: sqlAutoPauseMinutes
    zoneRedundant: zoneRedundant
    restoreDays: sqlRestoreDays
    backupRedundancy: sqlBackupRedundancy
    endpointsSubnetId: network.?outputs.endpointsSubnetId ?? ''
    networkId: network.?outputs.networkId ?? ''
  }
}

module mail 'modules/mail.bicep' = if (mailProvider == 'acs') {
  name: '${name}-mail'
  params: {
    name: '${name}-${unique}'
    dataLocation: mailDataLocation
    domainName: mailDomain
    domainVerified: mailDomainVerified
    sender: mailSender
    principalId: identity.outputs.principalId
    workspaceId: logs.outputs.workspaceId
  }
}

var inVault = union(['Inbox__RecipientKey'], secretSettings)

// A vault's name has 24 characters at most.
var vaultName = '${name}${take(unique, 13)}'

module vault 'modules/vault.bicep' = {
  name: '${name}-vault'
  params: {
    name: vaultName
    location: location
    principalId: identity.outputs.principalId
    workspaceId: logs.outputs.workspaceId
    // Letters, digits and dashes.
    secretNames: map(inVault, setting => replace(setting, '__', '-'))
    secretValues: toObject(items(secretValues), one => replace(one.key, '__', '-'), one => one.value)
  }
}

// FUNCTIONS_WORKER_RUNTIME and WEBSITE_RUN_FROM_PACKAGE are not app settings on Flex Consumption.
var hostSettings = {
  AzureWebJobsStorage__accountName: storage.outputs.name
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identity.outputs.clientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: logs.outputs.connectionString
}

// Only the settings that the program needs to start, those that must agree with the resources above, and the schedules,
// which the host reads. All others have defaults in the program. A test starts the program with these settings alone.
var ourSettings = {
  ServiceBusConnection__fullyQualifiedNamespace: bus.outputs.hostName
  ServiceBusConnection__credential: 'managedidentity'
  ServiceBusConnection__clientId: identity.outputs.clientId
  Store__Kind: 'sqlserver'
  SqlConnectionString: 'Server=tcp:${database.outputs.server},1433;Database=${database.outputs.database};Authentication=Active Directory Managed Identity;User Id=${identity.outputs.clientId}'
  EmailQueueName: emailQueueName
  Bus__DuplicateWindowMs: string(duplicateWindowMinutes * 60000)
  Bus__TimeToLiveDays: string(queueLifeDays)
  OutboxSchedule: '*/10 * * * * *'
  RetryEmailSchedule: '0 * * * * *'
  PruneSchedule: '0 30 2 * * *'
}

var mailSettings = mailProvider == 'smtp'
  ? { Email__Provider: 'smtp', Email__From: '${mailName} <${mailSender}@${mailDomain}>' }
  : {
      Email__Provider: 'acs'
      Email__From: '${mailName} <${mail!.outputs.from}>'
      Email__AcsEndpoint: mail!.outputs.endpoint
      Email__AcsEndpoint__credential: 'managedidentity'
      Email__AcsEndpoint__clientId: identity.outputs.clientId
    }

var fromVault = toObject(
  inVault,
  setting => setting,
  setting => '@Microsoft.KeyVault(VaultName=${vaultName};SecretName=${replace(setting, '__', '-')})'
)

module app 'modules/app.bicep' = {
  name: '${name}-app'
  params: {
    name: '${name}-${unique}'
    planName: '${name}-plan'
    location: location
    identityId: identity.outputs.id
    packagesUrl: storage.outputs.packagesUrl
    workspaceId: logs.outputs.workspaceId
    zoneRedundant: zoneRedundant
    settings: union(hostSettings, ourSettings, mailSettings, fromVault, settings)
    alwaysReadyHttp: alwaysReadyHttp
    httpConcurrency: httpConcurrency
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    subnetId: network.?outputs.appSubnetId ?? ''
  }
  // The app resolves its secrets once, when it starts.
  dependsOn: [vault]
}

// Every name that deploy.sh and README.md need after this.
output appName string = app.outputs.name
output hostName string = app.outputs.hostName
output consoleUrl string = 'https://${app.outputs.hostName}/api/console'
output busName string = bus.outputs.name
output queueName string = emailQueueName
@description('The name of the database user that the app is.')
output identityName string = identity.outputs.name
output identityClientId string = identity.outputs.clientId
output sqlServer string = database.outputs.server
output sqlServerName string = database.outputs.serverName
output sqlDatabase string = database.outputs.database
@description('Who administers the database.')
output sqlAdminId string = sqlAdmin.objectId
output storageName string = storage.outputs.name
output packagesId string = storage.outputs.packagesId
output vaultName string = vaultName
output insightsName string = logs.outputs.insightsName
output mailRecords object = mail.?outputs.records ?? {}
output emailServiceName string = mail.?outputs.emailServiceName ?? ''
output jobsSubnetId string = network.?outputs.jobsSubnetId ?? ''
output jobsIdentityId string = jobs.?outputs.id ?? ''
output jobsIdentityName string = jobs.?outputs.name ?? ''
output jobsClientId string = jobs.?outputs.clientId ?? ''
output jobsPrincipalId string = jobs.?outputs.principalId ?? ''
