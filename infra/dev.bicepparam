// For trying things: the smallest of everything, no network of its own.
using 'main.bicep'

param name = 'codev'
param sqlAdmin = { name: '<name of the group>', objectId: '00000000-0000-0000-0000-000000000000', type: 'Group' }
// The timers may rest for six hours once they found nothing for an hour, so that the database can pause.
param sqlAutoPauseMinutes = 60
param mailName = 'Biuro'
param alertEmails = ['<address>']
param budgetAmount = 30
param budgetStart = '2026-12-01'
param settings = { Store__IdleMs: '21600000', Log__Level: 'info' }

param secretValues = json(readEnvironmentVariable('SECRET_VALUES', '{}'))
