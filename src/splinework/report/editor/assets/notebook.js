// The editor as a widget of a notebook: requests are messages to the kernel, and answers messages back.

import { edit } from "./editor.js";

export default {
  render({ model, el }) {
    const waiting = new Map();
    const own = Math.random().toString(36).slice(2); // several views of one widget get each other's messages
    let last = 0;
    const answered = (content) => {
      const asked = waiting.get(content?.id);
      if (!asked) return;
      waiting.delete(content.id);
      if (content.error === undefined) asked.resolve(content.answer);
      else asked.reject(Object.assign(new Error(content.error), { exists: content.exists === true }));
    };
    model.on("msg:custom", answered);
    const ask = (name, values) => new Promise((resolve, reject) => {
      const id = `${own}:${last += 1}`;
      waiting.set(id, { resolve, reject });
      model.send({ id, name, values });
    });
    edit(el, ask);
    return () => model.off("msg:custom", answered);
  },
};
