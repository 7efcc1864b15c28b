// A remedy: its dry run, then its run, which takes exactly what the dry run showed.

import { writer } from './api.js';
import { fault, openDialog, repeated } from './dialog.js';
import { h } from './dom.js';
import { count, counted, destination, plain, said, state, stamp } from './format.js';
import { field, filled, signature, signed } from './fields.js';
import { table } from './table.js';

const ROWS_MAX = 10_000;
/** Dead letters are named one by one, and their queue is read through for them. */
const LETTERS_MAX = 1_000;

/** What each action does: its verb, its effect on what fits, and the choices it has. `keeps`: what it changed may match again, so a repeat would take the same ones. */
const ACTIONS = {
  requeue: { verb: 'Requeue', done: 'requeued', what: 'Dead messages are sent again, under the same id.', choices: ['outOfOrder'] },
  discard: { verb: 'Discard', done: 'discarded', what: 'Pending or dead messages are never sent. No mail goes out for them.', danger: true },
  replay: { verb: 'Replay', done: 'replayed', what: 'Sent messages are sent again.', keeps: true, choices: ['outOfOrder', 'force'] },
  route: { verb: 'Route', done: 'routed', what: 'Pending or dead messages get another destination; dead ones are requeued there.', keeps: true, target: true, choices: ['outOfOrder'] },
  'resend-mail': { verb: 'Resend', done: 'resent', what: 'A refused mail or one in doubt is sent (again). One in doubt may reach the client twice.', mail: true },
  'assume-mail-sent': { verb: 'Assume sent', done: 'assumed sent', what: 'A mail in doubt counts as sent, and is not sent again.', mail: true },
  'take-in': { verb: 'Take in', done: 'taken in', what: 'Dead letters of the email queue are stored in the inbox, and mailed from there.', mail: true },
};

const CHOICES = {
  outOfOrder: ['Also out of order', 'even if a later message of the same key was sent already'],
  force: ['As a new message', 'with a new id: the client is mailed again, since nothing recognises the repeat'],
};

export function verb(action) {
  return ACTIONS[action].verb;
}

/** Opens the remedy's dialog with its dry run. `about`: the selection in words. */
export function openRemedy({ action, selection, about, only }, page) {
  const { verb: title, target } = ACTIONS[action];
  const asked = { action, selection, about, only, choices: {}, to: '' };
  const shown = { plan: null, error: null, isBusy: false, report: null, isRepeated: false };
  const write = writer();
  const { fill, close } = openDialog(title, () => page.refresh());
  const draw = () => fill(shown.report ? reported(asked, shown, close) : steps(asked, shown, act));
  const act = {
    async dryRun() {
      Object.assign(shown, { isBusy: true, error: null, plan: null });
      draw();
      try {
        const { choices, to } = asked;
        const body = { action, ...choices, ...(target ? { to } : {}), selection, limit: action === 'take-in' ? LETTERS_MAX : ROWS_MAX, dryRun: true };
        const { value: plan } = await write('remedies', only ? { ...body, destination: only } : body);
        shown.plan = plan;
        page.say(found(action, shown.plan));
      } catch (error) {
        shown.error = error;
      }
      shown.isBusy = false;
      draw();
    },
    async run(form) {
      Object.assign(shown, { isBusy: true, error: null });
      draw();
      try {
        const { value: report, isRepeated } = await write('remedies', { token: shown.plan.token, ...signed(form) });
        Object.assign(shown, { report, isRepeated });
        page.say(outcome(action, shown.report));
      } catch (error) {
        shown.error = error;
      }
      shown.isBusy = false;
      draw();
    },
    choose(name, selected) {
      asked.choices[name] = selected;
      if (!target || asked.to) act.dryRun();
    },
    aim(to) {
      asked.to = to;
      act.dryRun();
    },
  };
  draw();
  if (!target) act.dryRun();
}

function steps(asked, shown, act) {
  const { action, about, choices } = asked;
  const { what, choices: offered = [], target } = ACTIONS[action];
  const { plan, error, isBusy } = shown;
  const selected = (event) => act.choose(event.target.name, event.target.checked);
  const aimed = (event) => {
    event.preventDefault();
    act.aim(filled(event.target).to);
  };
  return [
    h('p', {}, what),
    h('p', {}, 'For: ', h('b', {}, said(about, 300))),
    target && h('form', { class: 'row', onsubmit: aimed, key: 'aim' },
      field('to', 'New destination', asked.to, { required: true, placeholder: 'queue:client-emails', pattern: '(queue|topic):.+', title: 'queue:<name> or topic:<name>' }),
      h('button', {}, 'Dry run')),
    offered.map((name) => h('label', { class: 'check', key: name },
      h('input', { type: 'checkbox', name, checked: choices[name] === true, onchange: selected, disabled: isBusy }),
      h('span', {}, h('b', {}, CHOICES[name][0]), `, ${CHOICES[name][1]}`))),
    isBusy && !plan && h('p', { class: 'note' }, 'Dry run: looking at what would happen…'),
    fault(error),
    error && !plan && !target && h('button', { onclick: act.dryRun }, 'Try again'),
    plan && planned(action, plan),
    plan && plan.count > 0 && sign(asked, shown, act),
  ];
}

function planned(action, plan) {
  return h('section', { key: 'plan', 'aria-label': 'Dry run' },
    h('p', { class: plan.count > 0 ? 'result' : 'result none' }, found(action, plan)),
    plan.more && h('p', { class: 'note' }, further(action, plan)),
    plan.sample.length > 0 && h('details', { open: true }, h('summary', {}, plan.sample.length < plan.count + plan.refused ? `${count(plan.sample.length)} of them` : 'All of them'),
      rows(plan.sample, 'Dry run')),
    plan.count > 0 && h('p', { class: 'note' }, `Nothing is changed yet. The run takes exactly these, until ${stamp(plan.expiresOn)}; what changes meanwhile is left and reported.`));
}

/** Where not all that match were looked at: how to get at the others. */
function further(action, { count: fitting, refused }) {
  const seen = fitting + refused;
  const words = seen > 0 ? `These are the oldest ${count(seen)}; more may match.` : 'Not all were looked at: more may match.';
  // Those that are left come first again.
  if (ACTIONS[action].keeps || fitting === 0) return `${words} A repeat would take the same ones: for others, narrow the selection (time, client).`;
  if (refused > 0) return `${words} Repeat it afterwards for others; those that are left come first again.`;
  return `${words} Repeat it afterwards for the rest.`;
}

function found(action, plan) {
  const { done } = ACTIONS[action];
  const noun = ACTIONS[action].mail ? 'mail' : 'row';
  const refused = plan.refused > 0 ? `, ${count(plan.refused)} would be left, with a reason for each` : '';
  return plan.count === 0 && plan.refused === 0 ? `Dry run: nothing ${plan.more ? 'was found' : 'matches'}.` : `Dry run: ${counted(plan.count, noun)} would be ${done}${refused}.`;
}

function sign(asked, shown, act) {
  const { verb: word, danger, mail } = ACTIONS[asked.action];
  const submit = (event) => {
    event.preventDefault();
    act.run(event.target);
  };
  return h('form', { class: 'sign', key: 'sign', onsubmit: submit },
    signature(),
    h('div', { class: 'buttons' },
      h('button', { class: danger ? 'main danger' : 'main', disabled: shown.isBusy }, `${word} ${counted(shown.plan.count, mail ? 'mail' : 'row')}`)));
}

function outcome(action, report) {
  const left = report.left > 0 ? `, ${count(report.left)} left as they are` : '';
  return `${counted(report.done, ACTIONS[action].mail ? 'mail' : 'row')} ${ACTIONS[action].done}${left}.`;
}

function reported(asked, { report, isRepeated }, close) {
  return [
    h('p', { class: report.done > 0 ? 'result done' : 'result none', role: 'status' }, outcome(asked.action, report)),
    repeated(isRepeated),
    report.rows.length > 0 && h('details', { open: report.left > 0 }, h('summary', {}, `${counted(report.rows.length, 'row')} of the report`),
      rows(report.rows, 'Report')),
    h('div', { class: 'buttons' }, h('button', { class: 'main', onclick: close }, 'Done')),
  ];
}

/** The rows of a dry run or of a report. */
function rows(list, label) {
  const columns = [
    { head: 'Message', cell: (row) => h('code', {}, said(row.id, 100)) },
    { head: 'At', cell: (row) => destination(row.destination, 60) },
    { head: 'State', cell: (row) => (row.state ? state(row.state) : row.done ? 'done' : 'left') },
    { head: 'Remark', wide: true, cell: (row) => row.whyNot ? said(row.whyNot) : row.newId ? h('span', {}, 'new id ', h('code', {}, plain(row.newId))) : 'fits' },
  ];
  const isReport = list.some((row) => row.done !== undefined);
  const remark = columns.at(-1);
  if (isReport) columns[3] = { ...remark, cell: (row) => (row.whyNot || row.newId ? remark.cell(row) : '') };
  return h('div', { class: 'frame', tabindex: '0', role: 'group', 'aria-label': label }, table(label, columns, list, (row) => `${row.id} ${row.destination}`));
}
