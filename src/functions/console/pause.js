// Pausing, draining and resuming a destination, all of them, or mailing.

import { pathOf, writer } from './api.js';
import { fault, openDialog, repeated } from './dialog.js';
import { h } from './dom.js';
import { counted, plain } from './format.js';
import { field, signature, signed } from './fields.js';

const WORDS = {
  pause: { verb: 'Pause', done: 'paused', what: 'Nothing more is claimed, on any instance, from the next claim on. Bookings go on; their messages wait.' },
  drain: { verb: 'Drain', done: 'paused', what: 'What is being sent now is finished; nothing more is claimed. Bookings go on; their messages wait.' },
  resume: { verb: 'Resume', done: 'resumed', what: 'Ends the pause, and closes the breaker: the next claim tries again at once.' },
};

/** The path of a destination, of all (`all`), or of a mail provider (`mail:…`). */
function pathFor(name, action) {
  return name.startsWith('mail:') ? `mail/${action}` : `destinations/${pathOf(name)}/${action}`;
}

export function openPause(action, name, page) {
  const { verb, done, what } = WORDS[action];
  const title = name === 'all' ? `${verb} all destinations` : name.startsWith('mail:') ? `${verb} mailing` : `${verb} ${plain(name, 100)}`;
  const shown = { error: null, isBusy: false, report: null, isRepeated: false };
  const write = writer();
  const { fill, close } = openDialog(title, () => page.refresh());
  const submit = async (event) => {
    event.preventDefault();
    const form = event.target;
    const minutes = form.elements.namedItem('forMinutes')?.value;
    Object.assign(shown, { isBusy: true, error: null });
    draw();
    try {
      const { value: report, isRepeated } = await write(pathFor(name, action), { ...signed(form), ...(minutes ? { forMinutes: Number(minutes) } : {}) });
      Object.assign(shown, { report, isRepeated });
      page.say(`${title}: ${done}`);
    } catch (error) {
      shown.error = error;
    }
    shown.isBusy = false;
    draw();
  };
  const draw = () => fill(shown.report ? reported() : asked());
  const asked = () => [
    h('p', {}, what),
    fault(shown.error),
    h('form', { class: 'sign', onsubmit: submit, key: 'sign' },
      signature(),
      action !== 'resume' && field('forMinutes', 'Resume by itself after (minutes)', '', { type: 'number', min: '1', max: '43200', step: '1', hint: 'Empty: until a person resumes it.' }),
      h('div', { class: 'buttons' }, h('button', { class: 'main', disabled: shown.isBusy }, verb))),
  ];
  const reported = () => {
    const { names, changed, leased } = shown.report;
    const few = names.slice(0, 5).map((one) => plain(one, 100)).join(', ');
    return [
      h('p', { class: 'result done', role: 'status' }, `${names.length > 5 ? counted(names.length, 'destination') : few}: ${done}${changed === 0 ? ' already' : ''}.`),
      repeated(shown.isRepeated),
      action !== 'resume' && h('p', {}, leased > 0 ? `${counted(leased, 'row')} being sent now will still be finished: the overview counts them.` : 'Nothing is being sent any more.'),
      h('div', { class: 'buttons' }, h('button', { class: 'main', onclick: close }, 'Done')),
    ];
  };
  draw();
}
