// What each task's model carries: it fetches the drawing code, which is kept once for a notebook.
function fromModel(model) {
  const id = String(model.get("code")).replace("IPY_MODEL_", "");
  return model.widget_manager.get_model(id).then((it) => [it.get("js"), it.get("css")]);
}
function fromKernel(model) {
  return new Promise((resolve) => {
    const take = (msg) => {
      if (msg.type !== "code") return;
      model.off("msg:custom", take);
      resolve([msg.js, msg.css]);
    };
    model.on("msg:custom", take);
    model.send({ type: "code" });
  });
}
async function load(model) {
  let code;
  try {
    code = await fromModel(model);
  } catch {
    code = await fromKernel(model);
  }
  const url = URL.createObjectURL(new Blob([code[0]], { type: "text/javascript" }));
  try {
    return { draw: (await import(url)).draw, css: code[1] };
  } finally {
    URL.revokeObjectURL(url);
  }
}
export default {
  async render({ model, el }) {
    let gone = false;
    let drop = () => {};
    load(model).then(({ draw, css }) => {
      if (!gone) drop = draw(model, el, css);
    });
    return () => {
      gone = true;
      drop();
    };
  },
};
