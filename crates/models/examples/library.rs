//! A library of models: `library FOLDER list|import FILE|pull REFERENCE|verify NAME...|remove NAME|adopt`.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::{env, error::Error};

use loadmaster_fetch::{Client, Options};
use loadmaster_models::{
    Budget, Catalog, HUGGING_FACE, Hub, Import, Job, Library, Origin, PullOptions, Puller, Reference,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (job, mut progress) = Job::stream();
    tokio::spawn(async move {
        while let Some(now) = progress.next().await {
            println!("{:?} {}: {} of {:?} bytes", now.step, now.what, now.done, now.total);
        }
    });
    match arguments.as_slice() {
        [folder, "list"] => println!("{:#?}", Library::open(folder)?.list()?),
        [folder, "import", file] => println!("{:#?}", Library::open(folder)?.import(Import::of(file), &job)?),
        [folder, "pull", reference] => {
            let hub = Hub::new(Client::new(Options::default())?, HUGGING_FACE, false);
            let puller = Puller::new(Library::open(folder)?, hub, Catalog::embedded()?, Vec::new());
            let options =
                PullOptions { budget: Budget { accelerators: 0, host: 8 << 30 }, ..PullOptions::default() };
            let check = |plan: &loadmaster_models::Plan| {
                println!("{} takes {} bytes of disk: {:?}", plan.name, plan.bytes, plan.choice);
                Ok(())
            };
            println!("{:#?}", puller.pull(&reference.parse::<Reference>()?, options, check, &job).await?);
        }
        [folder, "verify", names @ ..] => {
            let library = Library::open(folder)?;
            let models = names.iter().map(|name| library.get(name)).collect::<Result<Vec<_>, _>>()?;
            println!("{:#?}", library.verify(&models, &job)?);
        }
        [folder, "remove", name] => println!("{:#?}", Library::open(folder)?.remove(name)?),
        [_, "adopt"] => {
            let home = env::home_dir().ok_or("there is no home folder")?;
            for origin in Origin::ALL {
                for folder in origin.folders(&home, &|_| None) {
                    println!("{origin} in {}: {:#?}", folder.display(), origin.scan(&folder)?);
                }
            }
        }
        _ => {
            println!(
                "usage: library FOLDER list|import FILE|pull REFERENCE|verify NAME...|remove NAME|adopt"
            );
        }
    }
    Ok(())
}
